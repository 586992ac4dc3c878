"""Reading answers: every framing HTTP has, and no connection is used again after anything odd."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from pi_server.domain.call import Call
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.faults import ProviderFailure, ProviderFault
from pi_server.domain.message import HttpVerb, WireRequest, WireResponse
from pi_server.providers.settings import RestSettings
from pi_server.providers.transport import HttpTransport
from tests.parts.waiting import until

Ask = Callable[..., Awaitable[WireResponse]]

OK = b"HTTP/1.1 200 OK\r\n"
GOOD = OK + b"Content-Length: 2\r\n\r\n{}"
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
DEFLATED = BARE.compress(b"{}") + BARE.flush()


@asynccontextmanager
async def provider(answer: bytes, *, close: bool = False, pieces: int = 0) -> AsyncGenerator[tuple[Ask, list[int]]]:
    """Something that answers each request with ``answer``; how many requests came on each connection is listed."""
    connections: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        number = len(connections) - 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                connections[number] += 1
                for at in range(0, len(answer), pieces or len(answer)):
                    writer.write(answer[at : at + (pieces or len(answer))])
                    await asyncio.sleep(0)
                if close:
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    transport = HttpTransport(RestSettings.model_validate({"endpoint": url, "timeout": "30s", "reply_limit": "100KiB"}))

    async def ask(verb: HttpVerb = "GET") -> WireResponse:
        return await transport.send(Exchange(Call(), Endpoint(url, "", ""), WireRequest(verb, url)))

    try:
        yield ask, connections
    finally:
        await transport.close()
        server.close()
        await server.wait_closed()


def _packed(data: bytes, how: bytes = b"gzip") -> bytes:
    return OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (how, len(data)) + data


@pytest.mark.parametrize("pieces", [0, 1])
@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Late: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD,
        _packed(gzip.compress(b"{}")),
        _packed(gzip.compress(b"{") + gzip.compress(b"}")),
        _packed(zlib.compress(b"{}"), b"deflate"),
        _packed(DEFLATED, b"Deflate"),
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_every_framing_is_read_and_the_connection_kept(answer: bytes, pieces: int) -> None:
    """Whole or byte by byte, the answer is the same, and the next one is read on the same connection."""
    async with provider(answer, pieces=pieces) as (ask, connections):
        for _ in range(3):
            found = await ask()
            assert (found.status, found.body, found.header("x-late"), found.header("link")) == (200, b"{}", "", "")
        assert connections == [3]


@pytest.mark.parametrize(
    ("verb", "answer", "status"),
    [
        ("HEAD", OK + b"Content-Length: 1000\r\n\r\n", 200),
        ("HEAD", OK + b"Transfer-Encoding: chunked\r\n\r\n", 200),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", 304),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Encoding: gzip\r\n\r\n", 200),
    ],
)
async def test_an_answer_without_body_is_not_waited_for(verb: HttpVerb, answer: bytes, status: int) -> None:
    """HEAD, 204 and 304 end with their headers, whatever these announce."""
    async with provider(answer) as (ask, connections):
        for _ in range(3):
            found = await ask(verb)
            assert (found.status, found.body) == (status, b"")
        assert connections == [3]


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        GOOD + b"more",
        GOOD + GOOD,
        GOOD + OK,
        GOOD + b"HTTP/1.1 100 Continue\r\n\r\n",
        GOOD + b"\0",
    ],
)
async def test_after_anything_more_the_connection_is_not_used_again(answer: bytes) -> None:
    """Bytes that nobody asked for are read by no later request."""
    async with provider(answer) as (ask, connections):
        for _ in range(3):
            assert (await ask()).body == b"{}"
        assert connections == [1, 1, 1]


async def test_what_comes_late_is_read_by_no_later_request() -> None:
    """A second answer that arrives while the connection is idle ends it."""
    async with provider(GOOD + GOOD, pieces=len(GOOD)) as (ask, connections):
        for _ in range(3):
            assert (await ask()).body == b"{}"
            await asyncio.sleep(0.05)
        assert connections == [1, 1, 1]


async def test_an_answer_in_tiny_pieces_takes_no_more_memory_than_any_other() -> None:
    """Kept as pieces, they would take thirty times as much."""
    answer = OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"2\r\n{}\r\n" * 50_000 + b"0\r\n\r\n"
    async with provider(answer, pieces=10_000) as (ask, _):
        tracemalloc.start()
        try:
            assert len((await ask()).body) == 100_000
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 1_500_000


async def test_an_answer_may_end_with_its_connection() -> None:
    """Without a length the body is all that comes."""
    async with provider(OK + b"\r\n{}", close=True, pieces=3) as (ask, connections):
        assert [(await ask()).body for _ in range(2)] == [b"{}", b"{}"]
        assert connections == [1, 1]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "unreachable"),
        (b"HTTP/1.1 200", "unreachable"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "unreachable"),
        (OK + b"Content-Length: 3\r\n\r\n{}", "malformed"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "malformed"),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}")[:-4], "malformed"),
        (_packed(gzip.compress(b"{}")[:-4]), "malformed"),
        (_packed(gzip.compress(b"{}") + b"more"), "malformed"),
        (_packed(gzip.compress(b"") * 1000), "malformed"),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "malformed"),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", "malformed"),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nx", "malformed"),
        (OK + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}", "malformed"),
        (OK + b"X: y\r\n" * 200 + b"Content-Length: 2\r\n\r\n{}", "malformed"),
        (OK + (b"X: " + b"y" * 8000 + b"\r\n") * 10 + b"Content-Length: 2\r\n\r\n{}", "malformed"),
        (OK + b"X: " + b"y" * 1_000_000, "malformed"),
        (OK + b"X" * 1_000_000, "malformed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000 + GOOD, "malformed"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 1_000_000, "malformed"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: " + b"y" * 1_000_000, "malformed"),
        (OK + b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000, "too_large"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b"x" * 0x8000 + b"\r\n", "malformed"),
        (_packed(gzip.compress(b"x" * 200_000)), "too_large"),
    ],
)
async def test_an_answer_that_is_none_is_a_fault(answer: bytes, kind: ProviderFailure) -> None:
    """What is cut short, contradicts itself or has no end in sight is refused, and the next exchange begins anew."""
    async with provider(answer, close=True, pieces=10_000) as (ask, connections):
        for _ in range(2):
            with pytest.raises(ProviderFault) as caught:
                await ask()
            assert caught.value.kind == kind
        assert connections == [1, 1]


async def test_headers_are_told_as_they_came() -> None:
    """Usual names in their usual spelling, values without the space around them, and nothing lost."""
    head = b"content-type: a/b; c=d \r\nX-Own:1\r\nx-none:\r\nSet-Cookie: a\r\nset-cookie: b\t\r\nContent-Length: 2\r\n"
    for pieces in (0, 1):
        async with provider(OK + head + b"\r\n{}", pieces=pieces) as (ask, _):
            found: Any = (await ask()).headers
            assert found == (
                ("Content-Type", "a/b; c=d"),
                ("X-Own", "1"),
                ("x-none", ""),
                ("Set-Cookie", "a"),
                ("Set-Cookie", "b"),
                ("Content-Length", "2"),
            )


def _came(connections: list[int], number: int) -> bool:
    return connections == [1] * number


async def test_a_cancelled_exchange_leaves_no_connection_behind() -> None:
    """Its answer, if it comes at all, belongs to nobody."""
    async with provider(OK + b"Content-Length: 9\r\n\r\n{}") as (ask, connections):
        for turn in (1, 2):
            task = asyncio.ensure_future(ask())
            await until(partial(_came, connections, turn), "the request")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert connections == [1, 1]
