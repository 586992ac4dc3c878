"""The withdrawal is never sent twice: every fault at every moment, on real sockets, with all the tries there can be."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pi_server import Call, Fault, RestMessage
from pi_server.domain.status_map import StatusMap
from pi_server.providers.build import build_provider
from pi_server.providers.provider import Provider
from pi_server.providers.settings import RestSettings

EAGER: dict[str, Any] = {
    "timeout": "300ms",
    "connect_timeout": "100ms",
    "retry": {"times": 5, "unsent": True, "pause": "1ms", "longest": "1ms", "statuses": list(range(400, 600))},
    "breaker": {"failures": 0},
    "bulkhead": {"in_flight": 0},
}
GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"trace": "T"}'


class Receipt(BaseModel):
    """What the bank answers."""

    trace: str


class Withdraw(RestMessage[Receipt], path="/withdraw", verb="POST"):
    """What must not happen twice."""

    note: str


class Enquire(RestMessage[Receipt], path="/withdraw", verb="POST", repeatable=True):
    """The same on the wire, but harmless."""

    note: str


class Warm(RestMessage[Receipt], path="/warm"):
    """Leaves a connection to be used again."""


Do = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def _fin(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _half_close(writer: asyncio.StreamWriter) -> None:
    writer.write_eof()
    await asyncio.sleep(1)


async def _reset(writer: asyncio.StreamWriter) -> None:
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _stall(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1)


def _say(answer: bytes) -> Do:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    return say


def _status(status: int) -> Do:
    return _say(b"HTTP/1.1 %d Said\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n" % status)


FAULTS: dict[str, Do] = {
    "fin": _fin,
    "half-close": _half_close,
    "reset": _reset,
    "stall": _stall,
    "garbage": _say(bytes(range(256))),
    "continue": _say(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "429": _status(429),
    "500": _status(500),
    "503": _status(503),
    "cut": _say(GOOD[:-4]),
    "bad chunk": _say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
}
MOMENTS = ("on connect", "first bytes", "half the request", "whole request", "half the reply", "while idle")
NOTES = {"small": "x", "large": "x" * 4_000_000}


class Bank:
    """Fails in one way at one moment, at each of its endpoints; counts the connections that brought a withdrawal."""

    def __init__(self, fault: Do, moment: str) -> None:
        """Behave well until a withdrawal comes, or at once when the moment is earlier."""
        self._fault = fault
        self._moment = moment
        self.brought = 0
        self.idle = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._moment == "on connect":
            await self._fault(writer)
            self.brought += bool(await reader.read(1))
            return
        first = await reader.readexactly(1)
        if first == b"G":
            await reader.readuntil(b"\r\n\r\n")
            writer.write(GOOD)
            if self._moment == "while idle":
                self.idle.set()
                await self._fault(writer)
            first = await reader.readexactly(1)
        self.brought += 1
        await self._rest(reader, writer)

    async def _rest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The withdrawal, from its second byte on."""
        if self._moment != "first bytes":
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length // 2 if self._moment == "half the request" else length)
        if self._moment == "half the reply":
            writer.write(GOOD[: len(GOOD) // 2])
            await writer.drain()
        await self._fault(writer)


@asynccontextmanager
async def _bank(fault: Do, moment: str) -> AsyncGenerator[tuple[Bank, Provider]]:
    """A bank of four endpoints, and the provider that asks it."""
    bank = Bank(fault, moment)
    async with AsyncExitStack() as opened:
        servers = [await asyncio.start_server(bank.serve, "127.0.0.1", 0) for _ in range(4)]
        for server in servers:
            opened.callback(server.close)
        urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
        settings = RestSettings.model_validate({"endpoint": urls[0], "fallbacks": urls[1:], **EAGER})
        provider = await build_provider(settings, files=Path(), field_name="bank", status_map=StatusMap())
        opened.push_async_callback(provider.close)
        yield bank, provider


async def _ask(provider: Provider, message: RestMessage[Receipt]) -> None:
    try:
        await provider.send(Call(), message)
    except Fault as fault:
        assert fault.status in (502, 503, 504)  # noqa: PT017 - it need not fail


@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
@pytest.mark.parametrize("size", NOTES)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_withdrawal_reaches_one_connection(fault: str, moment: str, size: str, kept: bool) -> None:
    """Whatever the bank does and whenever, on a new connection or one that was used before."""
    async with _bank(FAULTS[fault], moment) as (bank, provider):
        if kept and moment != "on connect":
            await _ask(provider, Warm())
        await _ask(provider, Withdraw(note=NOTES[size]))
        await asyncio.sleep(0.01)
        assert bank.brought <= 1


@pytest.mark.parametrize("delay", [0.0, 0.0005, 0.001, 0.002, 0.005])
@pytest.mark.parametrize("fault", ["fin", "reset"])
async def test_a_connection_that_closes_meanwhile_brings_it_once(fault: str, delay: float) -> None:
    """The bank closes a kept connection in the very moment in which the withdrawal is on its way."""
    async with _bank(FAULTS[fault], "while idle") as (bank, provider):
        for _ in range(20):
            bank.brought = 0
            bank.idle.clear()
            await _ask(provider, Warm())
            await asyncio.sleep(delay)
            await _ask(provider, Withdraw(note="x"))
            assert bank.brought <= 1


@pytest.mark.parametrize("moment", ["first bytes", "half the request", "whole request"])
@pytest.mark.parametrize("fault", ["fin", "reset", "503"])
async def test_what_is_repeatable_is_tried_again_in_the_same_places(fault: str, moment: str) -> None:
    """So the test above could fail: the same configuration sends a harmless message many times."""
    async with _bank(FAULTS[fault], moment) as (bank, provider):
        await _ask(provider, Enquire(note="x"))
        assert bank.brought > 1


async def test_where_nothing_was_sent_it_is_tried_again() -> None:
    """A port that is closed is no reason not to withdraw the money at the next endpoint."""
    async with _bank(_say(GOOD), "whole request") as (bank, good):
        closed = socket.socket()
        closed.bind(("127.0.0.1", 0))
        settings = RestSettings.model_validate(
            {
                **EAGER,
                "endpoint": f"http://127.0.0.1:{closed.getsockname()[1]}",
                "fallbacks": [good.standing.endpoint.address],
            }
        )
        provider = await build_provider(settings, files=Path(), field_name="bank", status_map=StatusMap())
        assert (await provider.send(Call(), Withdraw(note="x"))).trace == "T"
        assert (bank.brought, provider.standing.failovers, provider.standing.exchanges) == (1, 1, 2)
        await provider.close()
        closed.close()
