"""A server that is killed in the middle of its work: what it began is closed when it starts again."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from pi_server.audit.api_log_parser import parse_line
from tests.cli.made_up import install
from tests.cli.processes import Serving, serving
from tests.parts.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

ASKING = """
from pydantic import BaseModel
from pi_server import Call, RestMessage, RestProvider, Service, get

class Answer(BaseModel):
    right: bool

class Ask(RestMessage[Answer], path="/"):
    pass

class Made(Service):
    root = "/made"
    market: RestProvider

    @get("/up", public=True)
    async def up(self, call: Call) -> Answer:
        "Ask the market."
        return await self.market.send(call, Ask())
"""


@asynccontextmanager
async def unreliable() -> AsyncGenerator[str]:
    """A provider that answers, refuses, lies, stalls or hangs up, by chance; its address."""
    chance = random.Random(5)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        match chance.randrange(8):
            case 0:
                return web.Response(status=500)
            case 1:
                return web.Response(text="no JSON")
            case 2 if request.transport:
                request.transport.abort()
            case 3:
                await asyncio.sleep(1)
            case _:
                await asyncio.sleep(chance.random() / 50)
        return web.json_response({"right": True})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Consumers:
    """Ask, fifty at a time; some calls fail because there is no server at that moment."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.address = ""
        self.statuses: list[int] = []

    async def all_calls(self, while_asking: Callable[[], None]) -> None:
        """Make every call once, and do something else in a thread meanwhile."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as http:
            asking = [asyncio.create_task(self._some(http)) for _ in range(50)]
            await asyncio.to_thread(while_asking)
            await asyncio.gather(*asking)

    async def _some(self, http: aiohttp.ClientSession) -> None:
        while self.left:
            self.left -= 1
            try:
                async with http.get(f"{self.address}/made/up", headers={"activityid": f"call-{self.left}"}) as answer:
                    self.statuses.append(answer.status)
            except aiohttp.ClientError:
                self.left += 1  # another takes its number: an id that is used twice must not confuse anybody
                await asyncio.sleep(0.05)

    def have_left(self, most: int) -> bool:
        """Whether no more calls than these are to be made."""
        return self.left <= most


@pytest.mark.parametrize("calls", [600, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_two_kills_leave_one_closing_record_for_each_request(tmp_path: Path, calls: int) -> None:
    """Whatever the provider does, and whenever the server dies."""
    install(tmp_path / "site", "made", ASKING)
    consumers = Consumers(calls)

    def start() -> None:
        """Serve, be killed, twice; then serve to the end."""
        for left in (calls * 2 // 3, calls // 3, 0):
            with serving(cwd=tmp_path, PYTHONPATH=str(tmp_path / "site")) as server:
                consumers.address = server.address
                wait_until(partial(consumers.have_left, left), "enough calls")
                if left:
                    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
                else:
                    _settle(server, consumers, calls)

    async with unreliable() as provider:
        market = {"endpoint": provider, "company": "market", "timeout": "300ms", "connections": 100}
        sent = {"breaker": {"failures": 0}, "bulkhead": {"in_flight": 0}}  # no call is refused
        config = {"services": {"made": {"enabled": True, "market": {**market, **sent}}}, "limits": {"in_flight": 1000}}
        (tmp_path / "config.yaml").write_text(json.dumps(config))
        await consumers.all_calls(start)
    _check(tmp_path / "var/logs", calls)


def _settle(server: Serving, consumers: Consumers, calls: int) -> None:
    wait_until(lambda: len(consumers.statuses) >= calls, "all answers", 10 * PATIENCE)
    assert server.stop() == 0


def _check(logs: Path, calls: int) -> None:
    open_requests: dict[str, int] = {}
    requests = 0
    for line in (logs / "api.log").read_text().splitlines():
        record = parse_line(line)
        if record.flow == "REQUEST_OUT_PI":
            requests += 1
        more = 1 if record.flow == "REQUEST_OUT_PI" else -1
        open_requests[record.correlation_id] = open_requests.get(record.correlation_id, 0) + more
    assert requests >= calls
    assert {id_: more for id_, more in open_requests.items() if more} == {}
    assert "the outcome is unknown" in (logs / "error.log").read_text()
    assert list((logs / "open").iterdir()) == []
