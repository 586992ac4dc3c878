"""The table of faults in ``docs/reliability.md``, row by row, on real sockets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import ClientSession
from pydantic import BaseModel

from pi_server import Call, RestMessage, RestProvider, Service, get, post
from pi_server.testing import Serve, Served
from tests.parts.waiting import until


class Table(BaseModel):
    """What the market answers."""

    base: str
    rates: dict[str, Decimal]


class Ask(RestMessage[Table], path="/{how}/EUR"):
    """A question whose path says how the market misbehaves."""

    how: str


class Order(RestMessage[Table], path="/{how}/EUR", verb="POST"):
    """The same as a change: not repeatable."""

    how: str


class Market(Service):
    """Hands on what the market does."""

    root = "/market"
    market: RestProvider

    @get("/{how}", public=True)
    async def ask(self, call: Call, how: str) -> Table:
        """Ask in a given way."""
        return await self.market.send(call, Ask(how=how))

    @post("/{how}", public=True)
    async def order(self, call: Call, how: str) -> Table:
        """Order in a given way."""
        return await self.market.send(call, Order(how=how))


_QUICK = {"timeout": "500ms"}
_IN_TIME = 20  # seconds: nobody waited for more than half a second, and the time for an answer is 30


def _config(endpoint: str, **section: Any) -> dict[str, Any]:
    market = {"endpoint": endpoint, "timeout": "30s", "connect_timeout": "30s", "reply_limit": "1MiB", **section}
    return {"services": {"market": {"market": market}}}


async def _answer(server: Served, how: str = "latest", verb: str = "GET") -> tuple[int, str, float]:
    """Status, code of the fault (or nothing), and how long it took."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    async with server.session.request(verb, f"/market/{how}", headers={"activityid": f"call-{how}"}) as response:
        body = await response.json()
        assert body["correlationId"] == response.headers["activityid"] == f"call-{how}"
        return response.status, body.get("error", {}).get("code", ""), clock() - begun


def _told(server: Served, how: str, what: str) -> bool:
    """Whether the error log has a line of this call that says what happened, and no trace."""
    text = (server.logs / "error.log").read_text()
    assert "Traceback" not in text
    return any(f"[call-{how}]" in line and what in line for line in text.splitlines())


async def _is_answered(server: Served) -> bool:
    return (await _answer(server))[0] == 200


def _is_paired(server: Served) -> bool:
    """Whether each request record has one closing record."""
    flows = ["REQUEST_OUT_PI" in line for line in server.api_log]
    return flows.count(True) == flows.count(False)


@pytest.mark.parametrize(
    ("how", "status", "code", "told"),
    [
        pytest.param("slow", 504, "provider_timeout", "answer ", id="F04"),
        pytest.param("silent-body", 504, "provider_timeout", "answer ", id="F05"),
        pytest.param("dribble", 504, "provider_timeout", "answer ", id="F06"),
        pytest.param("reset-late", 502, "provider_malformed", "malformed", id="F07"),
        pytest.param("truncated", 502, "provider_malformed", "ended early", id="F08"),
        pytest.param("garbage", 502, "provider_malformed", "malformed", id="F09"),
        pytest.param("bad-chunk", 502, "provider_malformed", "malformed", id="F10"),
        pytest.param("bomb", 502, "provider_too_large", "more than 1048576 bytes", id="F11"),
        pytest.param("huge", 502, "provider_too_large", "more than 1048576 bytes", id="F12"),
        pytest.param("many-headers", 502, "provider_malformed", "too large", id="F13"),
        pytest.param("loop", 502, "provider_failed", "status: 302", id="F14"),
        pytest.param("closed-for-long", 502, "provider_failed", "status: 429", id="F17"),
    ],
)
async def test_what_a_provider_answers(
    serve: Serve, rest_provider: str, how: str, status: int, code: str, told: str
) -> None:
    """One clear fault in time, its reason in the log, its exchange on record, and the next call is answered."""
    async with serve(Market, config=_config(rest_provider, **_QUICK if status == 504 else {})) as server:
        found, found_code, took = await _answer(server, how)
        assert (found, found_code) == (status, code)
        assert took < _IN_TIME
        assert _told(server, how, told)
        await until(partial(_is_answered, server))
        assert len(server.api_log) == 4 or status == 504
        assert _is_paired(server)


async def test_f01_a_closed_port(serve: Serve) -> None:
    """502 at once, and an answer as soon as somebody listens again."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        async with serve(Market, config=_config(f"http://127.0.0.1:{port}")) as server:
            status, code, took = await _answer(server)
            assert (status, code) == (502, "provider_unreachable")
            assert took < _IN_TIME
            assert _told(server, "latest", "Cannot connect")
            unheard.close()
            async with _listening(_good, port):
                assert (await _answer(server))[0] == 200
            assert _is_paired(server)


async def test_f02_a_port_that_never_accepts(serve: Serve) -> None:
    """504 after the time for a connection, once for each try, and long before the time of the answer is over."""
    with _full_backlog() as url:
        config = _config(url, connect_timeout="200ms", retry={"times": 1, "pause": "1ms"})
        async with serve(Market, config=config) as server:
            status, code, took = await _answer(server)
            assert (status, code) == (504, "provider_timeout")
            assert 0.3 < took < _IN_TIME
            assert _told(server, "latest", "(connect ")
            assert _is_paired(server)


async def test_f03_a_name_without_address(serve: Serve) -> None:
    """502, or 504 where the resolver itself does not answer."""
    async with serve(Market, config=_config("http://no-such-host.invalid", timeout="5s")) as server:
        status, _, took = await _answer(server)
        assert status in (502, 504)
        assert took < _IN_TIME
        assert _told(server, "latest", "market: ")
        assert _is_paired(server)


async def test_f15_a_certificate_that_has_expired(serve: Serve, tmp_path: Path) -> None:
    """502, and nothing is sent to whoever holds it."""
    authority, asked = trustme.CA(), list[bytes]()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expired = authority.issue_cert("localhost", not_before=yesterday - timedelta(days=9), not_after=yesterday)
    expired.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - it also takes what has no types here

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(1))
        writer.close()

    async with _listening(note, ssl=context) as port:
        config = _config(f"https://localhost:{port}", ca=str(tmp_path / "ca.pem"))
        async with serve(Market, config=config) as server:
            assert (await _answer(server))[:2] == (502, "provider_unreachable")
            assert _told(server, "latest", "certificate has expired")
            assert _is_paired(server)
    assert not any(asked)


async def test_f16_a_handshake_that_stalls(serve: Serve) -> None:
    """504 after the time for a connection, of which TLS is a part."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with _listening(silent) as port:
        config = _config(f"https://localhost:{port}", connect_timeout="200ms", retry={"times": 0})
        async with serve(Market, config=config) as server:
            status, code, took = await _answer(server)
            assert (status, code) == (504, "provider_timeout")
            assert took < _IN_TIME
            assert _told(server, "latest", "(connect ")
            assert _is_paired(server)


async def test_f17_too_many_requests_for_a_moment(serve: Serve, rest_provider: str) -> None:
    """A repeatable message is tried again when the provider says so, and each try is on record."""
    async with serve(Market, config=_config(rest_provider)) as server:
        assert (await _answer(server, "busy"))[0] == 200
        assert len(server.api_log) == 4
        assert _is_paired(server)


async def test_f18_a_slow_provider_takes_nothing_from_others(serve: Serve, rest_provider: str) -> None:
    """While one has as many calls as may run and wait, others are answered as if it were not there."""

    class Slow(Market):
        root = "/slow"

    slow = {"endpoint": rest_provider, "timeout": "4s", "connections": 2, "bulkhead": {"queue": 5, "wait": "300ms"}}
    config = _config(rest_provider)
    config["services"]["slow"] = {"market": slow}
    async with serve(Market, Slow, config=config) as server:
        stuck = [asyncio.ensure_future(_status(server.session, "/slow/slow")) for _ in range(20)]
        await asyncio.sleep(0.1)
        assert [(await _answer(server))[0] for _ in range(20)] == [200] * 20
        assert sum(not one.done() for one in stuck) >= 2
        assert sorted(await asyncio.gather(*stuck)) == [503] * 18 + [504] * 2
        assert _told_of(server, "queue_full") == 18
        assert _is_paired(server)


@pytest.mark.parametrize(("verb", "status", "exchanges"), [("GET", 200, 3), ("POST", 502, 2)])
async def test_f19_a_kept_connection_that_was_closed(
    serve: Serve, rest_provider: str, verb: str, status: int, exchanges: int
) -> None:
    """What is repeatable is sent again on a new connection; what is not is told as it is, and the next call works."""
    async with serve(Market, config=_config(rest_provider)) as server:
        assert (await _answer(server, "stale", verb))[0] == 200
        assert (await _answer(server, "stale", verb))[0] == status
        assert len(server.api_log) == 2 * exchanges
        assert _is_paired(server)
        assert _told(server, "stale", "ServerDisconnectedError")


# --- providers of a few lines -----------------------------------------------------------------------------------------

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = b'{"base": "EUR", "rates": {}}'
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    writer.close()


@asynccontextmanager
async def _listening(handle: Handle, port: int = 0, **more: Any) -> AsyncGenerator[int]:
    """Whoever connects is handled so; gives the port."""
    server = await asyncio.start_server(handle, "127.0.0.1", port, **more)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@contextmanager
def _full_backlog() -> Generator[str]:
    """The address of a port whose connections nobody takes any more."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"
        for filler in fillers:
            filler.close()


async def _status(session: ClientSession, path: str) -> int:
    async with session.get(path) as response:
        return response.status


def _told_of(server: Served, what: str) -> int:
    """How many lines of the error log say so."""
    return sum(what in line for line in (server.logs / "error.log").read_text().splitlines())
