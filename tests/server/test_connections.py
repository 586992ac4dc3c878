"""What one connection may cost, and how many there may be: raw sockets against a real server."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pi_server import Call, Service, get, post
from pi_server.testing import Serve, Served

GET = b"GET /desk/ping HTTP/1.1\r\nHost: x\r\n\r\n"
PATIENCE = 20.0

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Desk(Service):
    """Answers little, much, late, and what was sent."""

    root = "/desk"

    @get("/ping", public=True)
    async def ping(self, call: Call) -> str:
        """Answer."""
        return "pong"

    @get("/much", public=True)
    async def much(self, call: Call) -> str:
        """Answer more than the system takes from this process at once."""
        return "x" * 30_000_000

    @get("/late", public=True)
    async def late(self, call: Call) -> str:
        """Answer after a while."""
        await asyncio.sleep(1)
        return "late"

    @post("/echo", public=True)
    async def echo(self, call: Call, words: list[str]) -> int:
        """Count words."""
        return len(words)


def _limits(**connections: Any) -> Mapping[str, Any]:
    return {"limits": {"connections": connections}}


@asynccontextmanager
async def _wire(served: Served, *, source: str = "127.0.0.1", buffer: int = 0) -> AsyncGenerator[Wire]:
    """A connection from ``source``, which takes no more than about ``buffer`` bytes unasked."""
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    made = socket.socket()
    made.setblocking(False)
    if buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    made.bind((source, 0))
    await asyncio.get_running_loop().sock_connect(made, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=made, limit=2**16)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection ends, one way or the other."""
    taken = bytearray()
    async with asyncio.timeout(PATIENCE):
        try:
            while piece := await reader.read(2**16):
                taken += piece
        except ConnectionError:
            pass
    return bytes(taken)


async def _asked(wire: Wire, request: bytes = GET) -> bytes:
    """The status line of the answer on a connection that stays open, whose body is read, too."""
    reader, writer = wire
    writer.write(request)
    async with asyncio.timeout(PATIENCE):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    return head.split(b"\r\n")[0]


async def _told(served: Served, *words: str) -> str:
    """The line about connections that has all ``words``."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for line in (served.logs / "error.log").read_text().splitlines():
                if "connections:" in line and all(word in line for word in words):
                    return line
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("sent", [b"", b"GET /desk/ping HTTP/1.1\r\nHo", b"\r\n", b"POST"], ids=repr)
async def test_headers_that_do_not_come_end_the_connection(serve: Serve, sent: bytes) -> None:
    """L-01: whether nothing came or the beginning; and it is told."""
    async with serve(Desk, config=_limits(head="300ms")) as served, _wire(served) as (reader, writer):
        writer.write(sent)
        assert await _rest(reader) == b""
        assert "ended (head)" in await _told(served, "127.0.0.1")


async def test_headers_that_drip_end_the_connection(serve: Serve) -> None:
    """L-01: a byte now and then is no progress."""
    async with serve(Desk, config=_limits(head="500ms")) as served, _wire(served) as (reader, writer):
        rest = asyncio.create_task(_rest(reader))
        for at in range(200):
            writer.write(b"GET /" if at == 0 else b"x")
            await asyncio.sleep(0.1)
            if rest.done():
                break
        assert rest.done()
        assert await rest == b""


async def test_a_connection_that_was_answered_may_be_idle_for_longer(serve: Serve) -> None:
    """L-01: the next headers have their time from their first byte, not from the last answer."""
    async with serve(Desk, config=_limits(head="400ms")) as served, _wire(served) as wire:
        assert b" 200 " in await _asked(wire)
        await asyncio.sleep(2)
        assert b" 200 " in await _asked(wire)
        wire[1].write(GET[:10])
        assert await _rest(wire[0]) == b""


async def test_headers_that_come_while_a_call_runs_have_their_time_afterwards(serve: Serve) -> None:
    """L-01: a call that takes longer than headers may is not cut off by half of the next one."""
    async with serve(Desk, config=_limits(head="300ms")) as served, _wire(served) as (reader, writer):
        writer.write(GET.replace(b"ping", b"late"))
        await asyncio.sleep(0.1)
        writer.write(GET[:10])
        assert (await _rest(reader)).startswith(b"HTTP/1.1 200 ")


async def test_an_idle_connection_ends(serve: Serve) -> None:
    """L-04: after `server.keepalive`, with nothing on it."""
    config = {"server": {"keepalive": "300ms"}}
    async with serve(Desk, config=config) as served, _wire(served) as wire:
        assert b" 200 " in await _asked(wire)
        assert await _rest(wire[0]) == b""


async def test_who_takes_nothing_of_an_answer_is_reset(serve: Serve) -> None:
    """L-03: with what it was sent half on its way; no error, no trace."""
    config = _limits(write="400ms")
    async with serve(Desk, config=config) as served, _wire(served, buffer=4096) as (reader, writer):
        writer.write(GET.replace(b"ping", b"much"))
        await _told(served, "ended (write)")
        assert len(await _rest(reader)) < 20_000_000
        assert "Traceback" not in (served.logs / "error.log").read_text()


async def test_who_takes_an_answer_slowly_is_given_all_of_it(serve: Serve) -> None:
    """L-03: progress counts, not the time in all."""
    config = _limits(write="1s")
    async with serve(Desk, config=config) as served, _wire(served, buffer=2**20) as (reader, writer):
        writer.write(GET.replace(b"ping", b"much").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        taken = 0
        async with asyncio.timeout(PATIENCE):
            while piece := await reader.read(2**16):
                taken += len(piece)
                await asyncio.sleep(0.005)
        assert taken > 30_000_000
