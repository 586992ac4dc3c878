"""A plugin that holds up the loop is named with its line; one that leaks tasks is named, and its tasks end with it."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pi_server import Call, Service, get
from pi_server.testing import Serve, Served
from tests.cli.made_up import install
from tests.cli.processes import Serving, serving, wait_for

BLOCKS = """
import time
from pi_server import Call, Service, get

class Made(Service):
    root = "/made"

    @get("/blocks", public=True)
    async def blocks(self, call: Call) -> None:
        "Hold up everybody for good."
        time.sleep(3600)
"""

WATCHED = {"guard": {"blocked": "200ms"}}
ENDED: list[str] = []


async def _wait() -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        ENDED.append("task")


class Rude(Service):
    """Does on the loop what it should not."""

    root = "/rude"

    @get("/blocks", public=True)
    async def blocks(self, call: Call, seconds: float) -> None:
        """Hold up everybody."""
        time.sleep(seconds)

    @get("/leaks", public=True)
    async def leaks(self, call: Call, tasks: int) -> None:
        """Begin what it never ends."""
        for _ in range(tasks):
            asyncio.create_task(_wait())  # noqa: RUF006 - that is the point

    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None]:
        """Begin a task that nobody ends."""
        asyncio.create_task(_wait())  # noqa: RUF006 - that is the point
        yield


def _lines(logs: Path, what: str) -> list[str]:
    return [line for line in (logs / "error.log").read_text().splitlines() if what in line]


async def _ask(served: Served, path: str) -> int:
    async with served.session.get(path) as response:
        return response.status


async def test_who_blocks_the_loop_is_named_once_a_minute(serve: Serve) -> None:
    """One line with plugin, file and line number, and how long; the second time is only counted."""
    async with serve(Rude, config=WATCHED) as served:
        for _ in range(2):
            assert await _ask(served, "/rude/blocks?seconds=0.6") == 204
            await asyncio.sleep(0.2)
        (line,) = _lines(served.logs, "plugin rude blocked the event loop for ")
    assert f"{__file__}:" in line
    assert "Rude.blocks" in line


async def test_what_does_not_block_is_not_named(serve: Serve) -> None:
    """A call that waits holds up nobody."""
    async with serve(Rude, config=WATCHED) as served:
        assert await _ask(served, "/rude/blocks?seconds=0.01") == 204
        await asyncio.sleep(0.5)
        assert not _lines(served.logs, "plugin rude blocked")


def test_nobody_is_blamed_for_a_process_that_was_stopped(tmp_path: Path) -> None:
    """While none of it runs, whoever stopped it, no plugin holds up the loop, and no worker is given up."""
    config = {"guard": {"blocked": "200ms", "stalled": "1s"}, "logs": {"dir": "logs"}}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with serving(cwd=tmp_path, until="http://") as server:
        for _ in range(2):
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(1.2)
            server.process.send_signal(signal.SIGCONT)
            assert _status(server, "/ping") == 200
            time.sleep(0.3)
        assert server.stop() == 0
    assert not _lines(tmp_path / "logs", "blocked the event loop")


async def test_ten_thousand_leaked_tasks_are_told_and_end_with_their_plugin(serve: Serve) -> None:
    """One line while others are served; when the server stops, every task has been cancelled and has ended."""
    ENDED.clear()
    async with serve(Rude) as served:
        assert await _ask(served, "/rude/leaks?tasks=10000") == 204
        assert await _ask(served, "/ping") == 200
        (line,) = _lines(served.logs, "may be leaking")
        assert "plugin rude has 1001 tasks" in line
        await asyncio.sleep(0)
    assert len(ENDED) == 10_001


def test_a_worker_that_is_held_up_for_good_is_replaced(tmp_path: Path) -> None:
    """After ``guard.stalled`` an error names plugin and line, and another worker serves in its place."""
    install(tmp_path / "site", "made", BLOCKS)
    config = {"guard": {"stalled": "1s"}, "services": {"made": {"enabled": True}}, "logs": {"dir": "logs"}}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with serving("--workers", "1", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site")) as server:
        assert _status(server, "/made/blocks") is None
        assert _status(server, "/ping") == 200
        told = wait_for("has blocked the event loop", tmp_path / "logs/error.log")
        assert server.stop() == 0
    (line,) = (line for line in told.splitlines() if "has blocked the event loop" in line)
    assert "plugin made has blocked the event loop for " in line
    assert "__init__.py:11; the worker ends, to be replaced: " in line


def _status(server: Serving, path: str) -> int | None:
    """The status of an answer, or None where the connection ended without one."""
    connection = HTTPConnection(server.address.removeprefix("http://"), timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (HTTPException, ConnectionError):
        return None
    finally:
        connection.close()
