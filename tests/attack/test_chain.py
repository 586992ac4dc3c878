"""Links of other packages that do what no link should, and chains nobody meant."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from pi_server import Call, Service, get
from pi_server.config import ConfigError
from pi_server.server.assembly import PluginsFailed
from pi_server.testing import Serve, Served, serve
from pi_server.web.endpoint import Handler
from pi_server.web.state import CALL, CONSUMER
from tests.cli.made_up import install
from tests.cli.processes import serving
from tests.parts.waiting import PATIENCE

SHARED = web.Response(text="shared")
Before = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
After = Callable[[web.StreamResponse], object]


class Told(BaseModel):
    """What is told."""

    text: str


def before(act: Before) -> Callable[[Handler], Handler]:
    """A link that acts first."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await act(request) or await handler(request)

        return handle

    return link


def after(act: After) -> Callable[[Handler], Handler]:
    """A link that changes the answer."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            act(response)
            return response

        return handle

    return link


def raising(error: BaseException) -> Callable[[Handler], Handler]:
    """A link that raises."""

    async def act(_: web.Request) -> None:
        raise error

    return before(act)


async def _forget_all(request: web.Request) -> None:
    request.clear()


async def _forget_call(request: web.Request) -> None:
    del request[CALL]


async def _forget_consumer(request: web.Request) -> None:
    del request[CONSUMER]


async def _forget_and_raise(request: web.Request) -> None:
    request.clear()
    raise ValueError


async def _shared(_: web.Request) -> web.StreamResponse:
    return SHARED


async def _begin_and_raise(request: web.Request) -> None:
    begun = web.StreamResponse()
    await begun.prepare(request)
    await begun.write(b"part")
    raise ValueError


async def _begin_and_go_on(request: web.Request) -> None:
    begun = web.StreamResponse(headers={"Content-Length": "1000"})
    await begun.prepare(request)
    await begun.write(b"part")


FAILING = {
    "exit": raising(SystemExit(3)),
    "interrupt": raising(KeyboardInterrupt()),
    "cancelled": raising(asyncio.CancelledError()),
    "stop": raising(StopIteration()),
    "group": raising(BaseExceptionGroup("g", [SystemExit(1)])),
    "forget_all": before(_forget_all),
    "forget_call": before(_forget_call),
    "forget_and_raise": before(_forget_and_raise),
    "header": after(lambda response: response.headers.update({"X-A": "a\r\nX-Injected: b"})),
    "cookie": after(lambda response: response.set_cookie("a", "b", path="/\r\nX-Injected: b")),
    "length": after(lambda response: response.headers.update({"Content-Length": "3"})),
}
CUT = {"begin_and_raise": before(_begin_and_raise), "begin_and_go_on": before(_begin_and_go_on)}
OTHER = {"shared": before(_shared), "forget_consumer": before(_forget_consumer)}


class Plain(Service):
    """Nothing special."""

    root = "/plain"

    @get("/kept")
    async def kept(self, call: Call) -> Told:
        """Tell who asks."""
        return Told(text=call.consumer.name)

    @get("/strict", chain="named")
    async def strict(self, call: Call) -> Told:
        """Tell who asks."""
        return Told(text=call.consumer.name)


def _behind(links: dict[str, Any]) -> type[Service]:
    """A service with an operation behind each of these links."""

    def operation(name: str) -> Any:
        async def told(self: Service, call: Call) -> Told:
            """Tell who asks."""
            return Told(text=call.consumer.name)

        told.__name__ = told.__qualname__ = f"do_{name}"
        return get(f"/{name}", middlewares=(links[name],))(told)

    members = {f"do_{name}": operation(name) for name in links}
    return type("Evil", (Service,), {"root": "/evil", "__module__": __name__, **members})


EVIL = _behind({**FAILING, **CUT, **OTHER})


async def _raw(served: Served, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def _lines_of(served: Served, id_: str, asked: int) -> list[str]:
    return [line for line in await served.access_log(asked) if f" {id_} " in line]


@pytest.mark.parametrize("name", FAILING)
async def test_whatever_a_link_does_is_one_500_in_the_log_and_lets_nobody_in(serve: Serve, name: str) -> None:
    """With its envelope, id and one line; without a credential the link is not even reached."""
    async with serve(EVIL) as served:
        async with served.session.get(f"/evil/{name}") as response:
            assert response.status == 401
        async with served.session.get(f"/evil/{name}", headers={**served.headers, "activityid": "evil-1"}) as response:
            body = await response.json()
        assert (response.status, body["error"]["code"], body["correlationId"]) == (500, "internal", "evil-1")
        assert "X-Injected" not in response.headers
        lines = await _lines_of(served, "evil-1", 2)
    assert ["| 500 |" in line for line in lines] == [True]


@pytest.mark.parametrize("name", CUT)
async def test_an_answer_that_has_begun_gets_no_second_head(serve: Serve, name: str) -> None:
    """It is cut off, which HTTP can tell, and stands in the log as failed."""
    async with serve(EVIL) as served:
        token = served.headers["x-srv-token"].encode()
        answer = await _raw(
            served,
            b"GET /evil/%b HTTP/1.1\r\nHost: x\r\nactivityid: cut-1\r\nx-srv-token: %b\r\n\r\n"
            % (name.encode(), token),
        )
        lines = await _lines_of(served, "cut-1", 1)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"part" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert ["| 500 |" in line for line in lines] == [True]


async def test_a_response_given_to_two_requests_is_a_500_and_no_silence(serve: Serve) -> None:
    """A link's response kept for all requests is answered once; then nobody waits for bytes that never come."""
    async with serve(EVIL) as served:
        seen: list[int] = []
        for _ in range(3):
            async with (
                asyncio.timeout(PATIENCE),
                served.session.get("/evil/shared", headers=served.headers) as response,
            ):
                seen.append(response.status)
    assert seen[1:] == [500, 500]


async def test_a_link_that_forgets_the_consumer_lets_nobody_in(serve: Serve) -> None:
    """No operation that is not public runs for nobody, wherever the consumer got lost."""
    async with serve(EVIL) as served, served.session.get("/evil/forget_consumer", headers=served.headers) as response:
        assert response.status == 401


LINKS = ("token", "session", "jwt", "csrf", "gzip")


@given(
    named=st.lists(st.sampled_from(LINKS), max_size=4),
    internal=st.none() | st.lists(st.sampled_from(LINKS), max_size=2),
    service=st.sampled_from([None, "public", "internal", "named"]),
    operation=st.sampled_from([None, "public", "internal", "named"]),
)
@settings(max_examples=40)
def test_no_chain_serves_what_is_not_public_to_nobody(
    named: list[str], internal: list[str] | None, service: str | None, operation: str | None
) -> None:
    """Whatever chains there are and whoever names them: refused at start, or 401."""
    chains = {"named": named, **({} if internal is None else {"internal": internal})}
    section = {"chain": service} if service else {}
    own = {"operations": {"kept": {"chain": operation}}} if operation else {}
    config = {"chains": chains, "services": {"plain": {**section, **own}}, "logs": {"access": {"output": "off"}}}

    async def ask() -> None:
        try:
            async with serve(Plain, config=config) as served:
                for path in ("/plain/kept", "/plain/strict"):
                    async with served.session.get(path) as response:
                        assert response.status == 401
        except (ConfigError, PluginsFailed):
            pass

    asyncio.run(ask())


FACTORIES = """
import sys
def exits(): sys.exit(3)
def interrupts(): raise KeyboardInterrupt
def ends_later():
    def link(following): sys.exit(3)
    return link
def nothing():
    return lambda following: None
"""
MADE = """
import sys
from pi_server import Call, Service, get
class Made(Service):
    root = "/made"
    @get("/up", public=True)
    async def up(self, call: Call) -> str:
        "Answer."
        return "up"
class Exits(Made):
    def __post_init__(self) -> None:
        sys.exit(4)
"""


async def test_a_link_that_cannot_be_made_takes_down_what_stands_behind_it_only(tmp_path: Path) -> None:
    """Not the server, though it calls ``sys.exit``; nor does a service that does so."""
    names = ("exits", "interrupts", "ends_later", "nothing")
    (tmp_path / "links.py").write_text(FACTORIES)
    info = tmp_path / "links-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: links\nVersion: 1\n")
    points = "".join(f"{name} = links:{name}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[pi_server.middlewares]\n{points}")
    for name in ("good", "dead", *(f"behind_{name}" for name in names)):
        value = f"pi_{name}:Exits" if name == "dead" else f"pi_{name}:Made"
        install(tmp_path, name, MADE, value=value)
    services = {f"behind_{name}": {"enabled": True, "root": f"/{name}", "chain": name} for name in names}
    config = {
        "chains": {name: ["token", name] for name in names},
        "services": {"good": {"enabled": True}, "dead": {"enabled": True, "root": "/dead"}, **services},
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with serving(cwd=tmp_path, until="behind_nothing", PYTHONPATH=str(tmp_path)) as server:
        async with ClientSession(server.address) as session:
            for path in ("dead", *names):
                async with session.get(f"/{path}/up") as response:
                    assert response.status == 503, path
            async with session.get("/made/up") as response:
                assert response.status == 200
        assert server.stop(signal.SIGTERM) == 0
