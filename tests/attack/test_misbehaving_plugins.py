"""A plugin that raises, answers or starts in ways nobody expects harms nobody but itself."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import pytest
from aiohttp import web
from pydantic import BaseModel

from pi_server import Call, Fault, Reply, Service, get
from pi_server.server.assembly import PluginsFailed
from pi_server.testing import Serve

T = TypeVar("T")


async def _await_a_cancelled_task() -> None:
    task = asyncio.create_task(asyncio.sleep(10))
    task.cancel()
    await task


async def _interrupt() -> None:
    raise KeyboardInterrupt


async def _exit() -> None:
    sys.exit(3)


RAISED = {"interrupt": _interrupt, "exit": _exit, "cancelled": _await_a_cancelled_task}
REPLIES: dict[str, dict[str, Any]] = {
    "newline": {"headers": {"X-Own": "a\r\nX-Injected: b"}},
    "name": {"headers": {"X Own": "a"}},
    "type": {"headers": {"X-Own": 5}},
    "framing": {"headers": {"Content-Length": "1"}},
    "chunked": {"headers": {"transfer-encoding": "chunked"}},
    "early": {"status": 101},
    "unknown": {"status": 1000},
}


class Told(BaseModel):
    """What an operation says that it returns."""

    text: str = ""


class Page(BaseModel, Generic[T]):
    """A generic model."""

    items: list[T]


@dataclass
class Other:
    """Has a ``__dict__``, like a model."""

    secret: str = "s3cret"


RETURNED: dict[str, Callable[[], Any]] = {
    "response": lambda: web.Response(text="x"),
    "reply": lambda: Reply(Reply(Told())),
    "replied": lambda: Reply(Other()),
    "other": Other,
    "class": lambda: Told,
}


def _nothing(_: object) -> Callable[[object], Any]:
    async def answer(_: object) -> None:
        return None

    return answer


class Wild(Service):
    """Does what no plugin should."""

    root = "/wild"

    @get("/raises/{what}", public=True)
    async def raises(self, call: Call, what: str) -> None:
        """Raise what is no Exception."""
        await RAISED[what]()

    @get("/replies/{what}", public=True)
    async def replies(self, call: Call, what: str) -> Reply[str]:
        """Reply what HTTP cannot carry."""
        return Reply("x", **REPLIES[what])

    @get("/faults/{what}", public=True)
    async def faults(self, call: Call, what: str) -> None:
        """Fault with what HTTP cannot carry."""
        raise Fault("mine", REPLIES[what].get("status", 409), "Mine.", headers=REPLIES[what].get("headers"))

    @get("/returns/{what}", public=True)
    async def returns(self, call: Call, what: str) -> Told:
        """Return what was not said."""
        return cast("Told", RETURNED[what]())

    @get("/perhaps/{what}", public=True)
    async def perhaps(self, call: Call, what: str) -> Reply[Told | None]:
        """Reply what was not said."""
        return cast("Reply[Told | None]", RETURNED[what]())

    @get("/anything/{what}", public=True)
    async def anything(self, call: Call, what: str) -> Any:
        """Return what nobody can send."""
        return Reply(Reply(1)) if what == "reply" else RETURNED[what]()

    @get("/succeeds/{status}", public=True)
    async def succeeds(self, call: Call, status: int) -> None:
        """Fault with what is no failure."""
        raise Fault("mine", status, "Mine.")

    @get("/page", public=True)
    async def page(self, call: Call) -> Page[Told]:
        """Return the generic model itself, as type checkers allow."""
        return Page(items=[Told(text="x")])

    @get("/none", public=True)
    async def none(self, call: Call) -> Reply[Told | None]:
        """Reply nothing, as said."""
        return Reply(None, status=202)

    @get("/nothing", public=True, middlewares=(_nothing,))
    async def nothing(self, call: Call) -> None:
        """Stand behind a middleware that answers nothing."""


@pytest.mark.parametrize(
    "path",
    [
        *(f"/wild/raises/{what}" for what in RAISED),
        *(f"/wild/replies/{what}" for what in REPLIES),
        *(f"/wild/faults/{what}" for what in REPLIES),
        *(f"/wild/returns/{what}" for what in RETURNED),
        *(f"/wild/perhaps/{what}" for what in RETURNED),
        *(f"/wild/anything/{what}" for what in ("response", "reply")),
        *(f"/wild/succeeds/{status}" for status in (200, 204, 302, 399, 600)),
        "/wild/nothing",
    ],
)
async def test_whatever_a_plugin_does_is_one_500_in_the_envelope(serve: Serve, path: str) -> None:
    """An answer with the correlation id, one access line with its status, and a server that goes on."""
    async with serve(Wild) as served:
        async with served.session.get(path, headers={"activityid": "wild-1"}) as response:
            body = await response.json()
        assert (response.status, body["error"]["code"], body["correlationId"]) == (500, "internal", "wild-1")
        assert "X-Injected" not in response.headers
        async with served.session.get("/ping") as response:
            assert response.status == 200
        lines = [line for line in await served.access_log() if "wild-1" in line]
        assert "wild-1" in (served.logs / "error.log").read_text()
    assert len(lines) == 1
    assert "| 500 |" in lines[0]


@pytest.mark.parametrize(
    ("path", "status", "data"), [("/wild/page", 200, {"items": [{"text": "x"}]}), ("/wild/none", 202, None)]
)
async def test_what_type_checkers_allow_is_answered(serve: Serve, path: str, status: int, data: object) -> None:
    """A generic model without its argument, and the None of an optional one, are no mistakes."""
    async with serve(Wild) as served, served.session.get(path) as response:
        assert (response.status, (await response.json())["data"]) == (status, data)


@pytest.mark.parametrize("name", ["lifespan", "root", "consumes", "produces", "middlewares"])
def test_an_operation_cannot_take_the_place_of_what_every_service_has(name: str) -> None:
    """The class itself is refused, so a plugin with it is listed as failed, with the reason."""

    async def operation(self: Service, call: Call) -> None:
        """Be never served."""

    operation.__name__ = name
    with pytest.raises(TypeError, match=f"Odd.{name} cannot be an operation: every service has {name} of its own"):
        type("Odd", (Service,), {name: get("/x", public=True)(operation)})


class Exits(Service):
    """Ends its process while it starts."""

    root = "/exits"

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Exit."""
        await _exit()
        yield

    @get("/never", public=True)
    async def never(self, call: Call) -> None:
        """Be never served."""


class Cancels(Service):
    """Awaits what was cancelled while it starts."""

    root = "/cancels"

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Await a cancelled task."""
        await _await_a_cancelled_task()
        yield

    @get("/never", public=True)
    async def never(self, call: Call) -> None:
        """Be never served."""


@pytest.mark.parametrize("service", [Exits, Cancels])
async def test_a_lifespan_that_would_end_the_server_fails_its_plugin_only(serve: Serve, service: type[Service]) -> None:
    """The plugin is listed as failed in its phase ``serve``."""
    with pytest.raises(PluginsFailed) as failed:
        async with serve(service):
            pass
    assert failed.value.plugins[0].failures[0].phase == "serve"
