"""TLS with consumers: what has proved nothing yet is counted and timed like any other connection."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trustme

from pi_server import Call, Service, get, post
from pi_server.testing import Serve, Served
from tests.parts.waiting import PATIENCE, until

T = TypeVar("T")

GET = b"GET /desk/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Desk(Service):
    """Answers."""

    root = "/desk"

    @get("/ping", public=True)
    async def ping(self, call: Call) -> str:
        """Answer."""
        return "pong"

    @post("/echo", public=True)
    async def echo(self, call: Call, text: str) -> int:
        """Count letters."""
        return len(text)


@pytest.fixture
def trust(tmp_path: Path) -> ssl.SSLContext:
    """Trusts the certificate that is written for the server."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())


def _config(folder: Path, **connections: Any) -> Mapping[str, Any]:
    tls = {"cert": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
    return {"server": {"tls": tls}, "limits": {"connections": {"proxies": [], **connections}}}


def _port(served: Served) -> int:
    return int(served.url.rpartition(":")[2])


async def _plain(served: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", _port(served))


async def _asked(served: Served, trust: ssl.SSLContext, request: bytes = GET) -> bytes:
    """What is answered over TLS; nothing where the connection is refused."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", _port(served), ssl=trust)
    except OSError:
        return b""
    writer.write(request)
    try:
        async with asyncio.timeout(PATIENCE):
            return await reader.read()
    finally:
        writer.close()


async def test_requests_are_answered_over_tls(serve: Serve, tmp_path: Path, trust: ssl.SSLContext) -> None:
    """Small ones and large ones, and the access log knows from where they came."""
    body = b'{"text": "%b"}' % (b"x" * 500_000)
    head = b"POST /desk/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    async with serve(Desk, config=_config(tmp_path)) as served:
        assert b'"pong"' in await _asked(served, trust)
        assert b"500000" in await _asked(served, trust, head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        assert all("127.0.0.1" in line for line in await served.access_log(2))


async def test_a_request_may_come_in_one_piece_with_the_end_of_a_handshake(
    serve: Serve, tmp_path: Path, trust: ssl.SSLContext
) -> None:
    """Clients of TLS 1.3 send it so."""
    async with serve(Desk, config=_config(tmp_path)) as served:
        came, left = ssl.MemoryBIO(), ssl.MemoryBIO()
        spoken = trust.wrap_bio(came, left, server_hostname="127.0.0.1")
        reader, writer = await _plain(served)
        async with asyncio.timeout(PATIENCE):
            await _through(spoken.do_handshake, left, writer, came, reader)
            spoken.write(GET)
            answer = b""
            while b"pong" not in answer:
                answer += await _through(lambda: spoken.read(2**16), left, writer, came, reader)
        writer.close()


async def _through(
    step: Callable[[], T],
    left: ssl.MemoryBIO,
    writer: asyncio.StreamWriter,
    came: ssl.MemoryBIO,
    reader: asyncio.StreamReader,
) -> T:
    """What a step of TLS gives; what it has to say to the other side leaves only where it waits for an answer."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            writer.write(left.read())
            came.write(await reader.read(2**16))


async def test_who_connects_and_says_nothing_is_counted(serve: Serve, tmp_path: Path, trust: ssl.SSLContext) -> None:
    """L-05: before he has proved anything; the next one is closed, and served once there is room again."""
    async with serve(Desk, config=_config(tmp_path, address=2)) as served:
        one, two = await _plain(served), await _plain(served)
        reader, third = await _plain(served)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        for _, writer in (one, two, (reader, third)):
            writer.close()

        async def is_served() -> bool:
            return b'"pong"' in await _asked(served, trust)

        await until(is_served, "an answer")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00"], ids=["nothing", "half"])
async def test_a_handshake_that_does_not_come_ends_the_connection(
    serve: Serve, tmp_path: Path, trust: ssl.SSLContext, sent: bytes
) -> None:
    """L-01: as headers that do not come; and it is told."""
    async with serve(Desk, config=_config(tmp_path, head="300ms")) as served:
        reader, writer = await _plain(served)
        writer.write(sent)
        async with asyncio.timeout(PATIENCE):
            assert await _end(reader) == b""
            while "ended (head)" not in (served.logs / "error.log").read_text():
                await asyncio.sleep(0.05)
        writer.close()
        assert b'"pong"' in await _asked(served, trust)


@pytest.mark.parametrize("sent", [GET, b"\0" * 100, b"\x16\x03\x01\x00\x05hello"], ids=["http", "nothing", "tls"])
async def test_what_is_no_tls_ends_the_connection_without_a_trace(
    serve: Serve, tmp_path: Path, trust: ssl.SSLContext, sent: bytes
) -> None:
    """Nor does who goes away in the middle of it; the next one is served, and nobody is counted for ever."""
    async with serve(Desk, config=_config(tmp_path, address=2)) as served:
        for _ in range(4):
            reader, writer = await _plain(served)
            writer.write(sent)
            async with asyncio.timeout(PATIENCE):
                await _end(reader)
            writer.close()
            with socket.create_connection(("127.0.0.1", _port(served))) as gone:
                gone.send(sent[:1])
        assert b'"pong"' in await _asked(served, trust)
        assert "Traceback" not in (served.logs / "error.log").read_text()


async def test_a_server_that_stops_waits_for_no_handshake(serve: Serve, tmp_path: Path, trust: ssl.SSLContext) -> None:
    """Nobody was promised anything yet."""
    async with asyncio.timeout(PATIENCE):
        async with serve(Desk, config=_config(tmp_path)) as served:
            reader, writer = await _plain(served)
            assert b'"pong"' in await _asked(served, trust)
        assert await _end(reader) == b""
    writer.close()


async def _end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""
