"""A plugin that raises, answers or starts in ways nobody expects harms nobody but itself."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pi_server import Call, Fault, Reply, Service, get
from pi_server.server.assembly import PluginsFailed
from pi_server.testing import Serve


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

    @get("/nothing", public=True, middlewares=(_nothing,))
    async def nothing(self, call: Call) -> None:
        """Stand behind a middleware that answers nothing."""


@pytest.mark.parametrize(
    "path",
    [
        *(f"/wild/raises/{what}" for what in RAISED),
        *(f"/wild/replies/{what}" for what in REPLIES),
        *(f"/wild/faults/{what}" for what in REPLIES),
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
    assert len(lines) == 1
    assert "| 500 |" in lines[0]


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
