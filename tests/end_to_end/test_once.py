"""A payment is never made twice: over two server processes, and when one is killed in the middle of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, TCPConnector

from tests.cli.processes import Serving
from tests.end_to_end.teller import TOKEN, Bank, open_bank, serving_teller
from tests.parts.redis import redis_port, redis_url
from tests.parts.waiting import PATIENCE, until

__all__ = ["redis_port", "redis_url"]

Servers = tuple[Serving, Serving]


@pytest.fixture
async def bank() -> AsyncGenerator[Bank]:
    """One that pays whatever it is asked to."""
    async with open_bank() as opened:
        yield opened


@pytest.fixture(params=["sqlite", "redis"])
async def servers(request: pytest.FixtureRequest, tmp_path: Path, bank: Bank) -> AsyncGenerator[Servers]:
    """Two processes with one folder of data, the keys in SQLite or Redis."""
    keys = request.getfixturevalue("redis_url") if request.param == "redis" else request.param
    async with AsyncExitStack() as stack:
        started = [stack.enter_context(serving_teller(tmp_path / name, bank, keys)) for name in ("one", "other")]
        yield started[0], started[1]


@pytest.fixture
async def http() -> AsyncGenerator[ClientSession]:
    """For as many requests at once as a test likes."""
    async with ClientSession(connector=TCPConnector(limit=200), headers={"x-srv-token": TOKEN}) as opened:
        yield opened


async def _pay(http: ClientSession, server: Serving, name: str, path: str = "/pay") -> tuple[int, Any]:
    """Status, and the data or the code of the fault; the key is the name."""
    url, headers = f"{server.address}/api/teller{path}", {"Idempotency-Key": name}
    async with http.post(url, json={"name": name}, headers=headers) as response:
        answer: Any = await response.json()
        return response.status, answer["data"] if "data" in answer else answer["error"]["code"]


async def test_a_hundred_at_once_on_two_servers_are_one_payment(
    http: ClientSession, servers: Servers, bank: Bank
) -> None:
    """Of a hundred equal requests on two processes one asks the bank, and all get its answer."""
    answers = await asyncio.gather(*(_pay(http, servers[number % 2], "tea") for number in range(100)))
    assert answers == [(200, {"number": 1})] * 100
    assert bank.paid == {"tea": 1}


async def test_what_a_killed_server_began_is_asked_and_never_paid_twice(
    http: ClientSession, servers: Servers, bank: Bank
) -> None:
    """After ``kill -9`` another server waits, asks the bank, and answers, pays, or says that nobody knows."""
    bank.hangs, bank.deaf = {"paid", "blind"}, {"unpaid"}
    paths = {"paid": "/pay", "unpaid": "/pay", "blind": "/blind"}
    lost = [asyncio.ensure_future(_pay(http, servers[0], name, path)) for name, path in paths.items()]
    await until(lambda: bank.came == paths.keys())
    servers[0].process.send_signal(signal.SIGKILL)
    assert all(isinstance(end, ClientError) for end in await asyncio.gather(*lost, return_exceptions=True))
    bank.hangs, bank.deaf = set(), set()
    assert await _pay(http, servers[1], "paid") == (409, "still_running")
    ends = await asyncio.gather(*(_settled(http, servers[1], name, path) for name, path in paths.items()))
    assert ends[2] == (409, "outcome_unknown")
    assert [status for status, _ in ends[:2]] == [200, 200]
    assert bank.paid == {"paid": 1, "unpaid": 1, "blind": 1}


async def _settled(http: ClientSession, server: Serving, name: str, path: str) -> tuple[int, Any]:
    """The first answer that is not that the call still runs."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await _pay(http, server, name, path)
            if answer != (409, "still_running"):
                return answer
