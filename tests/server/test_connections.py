"""What one connection may cost, and how many there may be: raw sockets against a real server."""

import asyncio
import gc
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from time import sleep
from typing import Any

import pytest
from aiohttp import web

from pi_server import Call, Service, get, post
from pi_server.testing import Serve, Served
from tests.parts.waiting import PATIENCE, until

GET = b"GET /desk/ping HTTP/1.1\r\nHost: x\r\n\r\n"

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

    @get("/some", public=True)
    async def some(self, call: Call) -> str:
        """Answer what is quickly made."""
        return "x" * 4_000_000

    @get("/piece", public=True)
    async def piece(self, call: Call) -> str:
        """Answer what is written at once."""
        return "x" * 60_000

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
    return await _answer(reader)


async def _answer(reader: asyncio.StreamReader) -> bytes:
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
    async with serve(Desk, config=_limits(write="1s")) as served:
        await until(partial(_is_taken_slowly, served), "all of it")  # a machine that stops is no progress


async def _is_taken_slowly(served: Served) -> bool:
    """Whether all of an answer comes to somebody who takes two seconds for it."""
    async with _wire(served, buffer=2**20) as (reader, writer):
        writer.write(GET.replace(b"ping", b"much").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        with suppress(ConnectionError):
            return await _slowly(reader) > 30_000_000
    return False


async def test_an_answer_is_forgotten_when_it_has_left(serve: Serve) -> None:
    """R-62: although its connection stays open, and aiohttp keeps what it answered last."""
    async with serve(Desk) as served, _wire(served, buffer=2**20) as (reader, writer):
        writer.write(GET.replace(b"ping", b"some"))
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert len(await reader.readexactly(length)) > 4_000_000
            while any(type(one) is web.Response and one.body for one in gc.get_objects()):
                await asyncio.sleep(0.05)
        assert b" 200 " in await _asked((reader, writer))


async def test_consumers_who_take_nothing_do_not_fill_the_memory_together(serve: Serve) -> None:
    """R-62: beyond what all may leave untaken, who takes nothing ends; who reads, even slowly, is given all."""
    async with serve(Desk, config=_limits(untaken="8MiB")) as served, AsyncExitStack() as wires:
        reading = asyncio.create_task(asyncio.to_thread(_slowly_elsewhere, served.url))
        for _ in range(8):
            _, unread = await wires.enter_async_context(_wire(served, buffer=4096))
            unread.write(GET.replace(b"ping", b"some"))
            await asyncio.sleep(0.1)
        await _told(served, "ended (untaken)")
        assert await reading > 4_000_000
        assert "Traceback" not in (served.logs / "error.log").read_text()


def _slowly_elsewhere(url: str) -> int:
    """As `_slowly`, by somebody who need not wait for the loop."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    taken = 0
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        wire.connect((host, int(port)))
        wire.sendall(GET.replace(b"ping", b"some").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        while piece := wire.recv(2**14):
            taken += len(piece)
            sleep(0.005)
    return taken


async def test_an_answer_larger_than_all_may_be_is_given_to_who_reads_it(serve: Serve) -> None:
    """What one consumer asks for is not refused for its size."""
    async with serve(Desk, config=_limits(untaken="1MiB")) as served, _wire(served, buffer=2**20) as (reader, writer):
        writer.write(GET.replace(b"ping", b"much").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        async with asyncio.timeout(PATIENCE):
            assert await _slowly(reader) > 30_000_000


async def _slowly(reader: asyncio.StreamReader) -> int:
    """How much there was, taken with pauses."""
    taken = 0
    while piece := await reader.read(2**16):
        taken += len(piece)
        await asyncio.sleep(0.005)
    return taken


async def test_an_address_has_so_many_connections_and_others_are_not_asked_to_wait(serve: Serve) -> None:
    """L-05: the next one gets 503 with Retry-After; another address, and one whose place was freed, are served."""
    config = _limits(address=3, proxies=[])
    async with serve(Desk, config=config) as served:
        async with _wire(served) as one, _wire(served) as two, _wire(served) as three:
            assert [await _asked(wire) for wire in (one, two, three)] == [b"HTTP/1.1 200 OK"] * 3
            async with _wire(served) as (reader, _):
                refused = await _rest(reader)
            assert refused.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 1\r\n" in refused
            assert b"\r\nConnection: close\r\n" in refused
            async with _wire(served, source="127.0.0.2") as other:
                assert b" 200 " in await _asked(other)
            assert "refused (address)" in await _told(served, "WARNING", "127.0.0.1")
            assert b" 200 " in await _asked(one)
        await _served_again(served)


async def _served_again(served: Served) -> None:
    """Wait until a connection is taken that was refused before."""
    async with asyncio.timeout(PATIENCE):
        while True:
            async with _wire(served) as (reader, writer):
                writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                if (await _rest(reader)).startswith(b"HTTP/1.1 200 "):
                    return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("given", [{}, {"proxies": ["127.0.0.1"]}], ids=["loopback", "configured"])
async def test_a_proxy_stands_for_many(serve: Serve, given: dict[str, Any]) -> None:
    """L-05: loopback without a word, and whatever networks are configured."""
    config = _limits(address=1, **given)
    async with serve(Desk, config=config) as served, _wire(served) as one, _wire(served) as two:
        assert [await _asked(wire) for wire in (one, two)] == [b"HTTP/1.1 200 OK"] * 2


async def test_a_worker_has_so_many_connections_whoever_comes(serve: Serve) -> None:
    """L-05: a proxy, too; and a flood of refusals is one line a second."""
    async with serve(Desk, config=_limits(worker=2)) as served, _wire(served) as one, _wire(served) as two:
        assert [await _asked(wire) for wire in (one, two)] == [b"HTTP/1.1 200 OK"] * 2
        begun = asyncio.get_running_loop().time()
        for _ in range(100):
            async with _wire(served) as (reader, _writer):
                assert (await _rest(reader)).startswith(b"HTTP/1.1 503 ")
        await _told(served, "refused (worker)")
        seconds = asyncio.get_running_loop().time() - begun
        lines = (served.logs / "error.log").read_text().count("refused")
        assert 1 <= lines <= seconds + 1


FIELD = b"x-%d: %b\r\n"
HEADS = {
    "many bytes at once": (b"".join(FIELD % (n, b"a" * 4000) for n in range(5)), b"HTTP/1.0 431 ", "headers_too_large"),
    "too many": (b"".join(FIELD % (n, b"a") for n in range(65)), b"HTTP/1.0 400 ", "malformed_request"),
    "a long one": (FIELD % (1, b"a" * 8200), b"HTTP/1.0 400 ", "malformed_request"),
}


@pytest.mark.parametrize("case", HEADS)
async def test_headers_that_are_too_large_are_refused(serve: Serve, case: str) -> None:
    """L-07: in the envelope, with an id, one line in the access log, and the connection ends."""
    fields, status, code = HEADS[case]
    async with serve(Desk) as served:
        async with _wire(served) as (reader, writer):
            writer.write(GET[:-2] + fields + b"\r\n")
            answer = await _rest(reader)
        lines = await served.access_log()
    assert answer.startswith(status)
    assert code.encode() in answer
    assert b"\r\nactivityid: " in answer
    assert [code in line for line in lines] == [True]


async def test_headers_without_end_are_refused_as_they_come(serve: Serve) -> None:
    """L-07: what is never complete is counted all the same."""
    async with serve(Desk) as served, _wire(served) as (reader, writer):
        writer.write(GET[:-2])
        for at in range(17):  # who writes on may not see the answer
            writer.write(FIELD % (at, b"a" * 1000))
            await asyncio.sleep(0.01)
        answer = await _rest(reader)
    assert b" 431 " in answer[:15]


async def test_large_headers_within_the_limits_are_taken(serve: Serve) -> None:
    """L-07: 60 fields, one of nearly 8 KiB, 15 KiB in all; in one piece, in many, and behind a large body."""
    fields = b"".join(FIELD % (n, b"a" * 100) for n in range(59)) + FIELD % (99, b"a" * 8000)
    head = GET[:-2] + fields + b"\r\n"
    body = b'["%b"]' % (b"w" * 60_000)
    large = b"POST /desk/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    async with serve(Desk) as served, _wire(served) as wire:
        assert b" 200 " in await _asked(wire, head)
        for at in range(0, len(head), 1000):
            wire[1].write(head[at : at + 1000])
            await asyncio.sleep(0.01)
        assert b" 200 " in await _answer(wire[0])
        assert b" 200 " in await _asked(wire, large % (len(body), body))
        assert b" 200 " in await _asked(wire, head)


CHUNKED = b"POST /desk/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("path", [b"/desk/echo", b"/nowhere"])
@pytest.mark.parametrize("together", [True, False])
async def test_extensions_of_chunks_are_no_way_to_send_without_end(serve: Serve, path: bytes, together: bool) -> None:
    """L-13: 4 KiB of them end the connection, whether somebody waits for the body or not; no error, no trace."""
    begin = CHUNKED.replace(b"/desk/echo", path) + b"1;" + b"x" * (9000 if together else 1)
    async with serve(Desk) as served:
        async with _wire(served) as (reader, writer):
            writer.write(begin)
            sent = 0
            rest = asyncio.create_task(_rest(reader))
            while not rest.done() and sent < 500:
                await asyncio.sleep(0.01)
                writer.write(b"x" * 1000)
                sent += 1
            answer = await rest
        assert sent < 400
        assert answer == b"" or b" 40" in answer[:15]
        assert "Traceback" not in (served.logs / "error.log").read_text()


async def test_chunks_of_any_honest_size_are_taken(serve: Serve) -> None:
    """L-13: a large body in small chunks, in large ones, and in one that waits while nobody reads."""
    words = b'["%b"]' % (b"w" * 200_000)
    async with serve(Desk) as served, _wire(served) as wire:
        for size, extension in ((8, b""), (1000, b";n=1"), (150_000, b";n=1")):
            chunks = [words[at : at + size] for at in range(0, len(words), size)]
            body = b"".join(b"%x%b\r\n%b\r\n" % (len(one), extension, one) for one in chunks)
            assert b" 200 " in await _asked(wire, CHUNKED + body + b"0\r\n\r\n")


async def test_requests_that_wait_on_one_connection_are_few_and_none_is_lost(serve: Serve) -> None:
    """L-14: while one is served the rest is not read on; then all are answered, in order."""
    padded = GET[:-2] + FIELD % (0, b"a" * 8000) + b"\r\n"
    async with serve(Desk) as served, _wire(served) as (reader, writer):
        writer.write(GET.replace(b"ping", b"late") + padded * 4000)
        sending = asyncio.create_task(writer.drain())
        assert b" 200 " in await _answer(reader)
        assert not sending.done()
        for _ in range(4000):
            assert b" 200 " in await _answer(reader)


async def test_answers_that_nobody_takes_hold_back_those_asked_for_behind_them(serve: Serve) -> None:
    """L-14: however small they are, and however many are asked for on one connection."""
    config = _limits(write="2s")
    async with serve(Desk, config=config) as served, _wire(served, buffer=4096) as (_, writer):
        writer.write(GET.replace(b"ping", b"piece") * 3000)
        await _told(served, "ended (write)")
        assert len(await served.access_log()) < 300
        assert "Traceback" not in (served.logs / "error.log").read_text()


async def test_consumers_that_reset_within_an_answer_leave_one_line_and_no_trace(serve: Serve) -> None:
    """R-46, F56: fifty of them, while it is made and while it is sent; the next one is served."""
    async with serve(Desk) as served:
        for path in [b"much", b"late"] * 25:
            async with _wire(served, buffer=4096) as (reader, writer):
                writer.transport.set_write_buffer_limits(0)
                writer.write(GET.replace(b"ping", path))
                await (reader.readexactly(1) if path == b"much" else asyncio.sleep(0.01))
                made = writer.get_extra_info("socket")
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        await _told(served, "INFO", "vanished")
        async with _wire(served) as wire:
            assert b" 200 " in await _asked(wire)
        lines = await served.access_log(51)
        told = (served.logs / "error.log").read_text()
    assert "Traceback" not in told
    assert "ERROR" not in told
    assert sum("| 499 |" in line for line in lines) >= 25


async def test_an_idle_connection_does_not_hold_up_the_end(serve: Serve) -> None:
    """R-32: once it has lingered it is closed, however long calls would have."""
    config = {"server": {"drain": "60s", "linger": "100ms"}}
    async with AsyncExitStack() as opened:
        served = await opened.enter_async_context(serve(Desk, config=config))
        async with _wire(served) as wire:
            assert b" 200 " in await _asked(wire)
            async with asyncio.timeout(PATIENCE):
                await opened.aclose()
            assert await _rest(wire[0]) == b""
