"""F47 to F50, R-30 to R-32: how a server ends, and what becomes of the calls that run then."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.daemon.servers import WORKER, Load, daemon, load
from tests.parts.waiting import PATIENCE, until, wait_until

CALLS = 50


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_calls_that_run_at_the_end_are_answered(tmp_path: Path, number: signal.Signals) -> None:
    """Fifty in flight, fifty answers, each telling its consumer to close; the status is 0 and nobody is left."""
    with daemon(tmp_path) as server:
        url, pids = f"{server.url}/made/held", server.pids
        closed: list[str | None] = []

        async def ask(session: aiohttp.ClientSession) -> int:
            async with session.get(url) as answer:
                closed.append(answer.headers.get("Connection"))
                return answer.status

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            asked = [asyncio.create_task(ask(session)) for _ in range(CALLS)]
            await until(lambda: server.held == CALLS, "all calls")
            status = asyncio.create_task(asyncio.to_thread(server.stop, number))
            await until(lambda: server.errors.count("draining") == 2, "the end of both workers")
            (tmp_path / "free").touch()
            assert await asyncio.gather(*asked) == [204] * CALLS
        assert await status == 0
        assert closed == ["close"] * CALLS
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the end of the workers")
        assert not (tmp_path / "var/pi-server.pid").exists()


async def test_under_load_everything_that_was_received_is_answered(tmp_path: Path) -> None:
    """Connections kept alive get their last answer with the word to close; new ones are refused, not cut."""
    with daemon(tmp_path) as server:
        async with load(f"{server.url}/made/up", 100) as tally:
            await until(lambda: tally.answers["200"] > CALLS, "some answers")
            assert await asyncio.to_thread(server.stop) == 0
        assert all("ConnectionRefusedError" in told for told in tally.failed), tally.failed


async def test_a_stuck_call_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """What will not end by itself is cut off when draining is over, and told."""
    with daemon(tmp_path, server={"drain": "1s", "workers": 1}) as server:
        tally = Load()
        async with aiohttp.ClientSession() as session:
            asked = asyncio.create_task(tally.ask(session, f"{server.url}/made/held"))
            await until(lambda: server.held, "the call")
            begun = time.monotonic()
            assert await asyncio.to_thread(server.stop) == 0
            assert time.monotonic() - begun < 30  # by itself it would never end
            await asked
        assert tally.failed


@pytest.mark.slow
async def test_a_deaf_call_is_killed_with_its_worker(tmp_path: Path) -> None:
    """One that swallows being cancelled ends with a second signal."""
    with daemon(tmp_path, server={"drain": "20s", "workers": 1}) as server:
        tally = Load()
        async with aiohttp.ClientSession() as session:
            asked = asyncio.create_task(tally.ask(session, f"{server.url}/made/deaf"))
            await asyncio.sleep(0.5)
            server.send(signal.SIGTERM)
            await asyncio.sleep(0.5)
            begun = time.monotonic()
            await asyncio.to_thread(server.stop)
            assert time.monotonic() - begun < 15  # draining alone would be 20
            await asked
        assert tally.failed


async def test_quit_tells_what_runs_and_ends_at_once(tmp_path: Path) -> None:
    """The error log says at which line every task stood."""
    with daemon(tmp_path, server={"workers": 1}) as server:
        tally = Load()
        async with aiohttp.ClientSession() as session:
            asked = asyncio.create_task(tally.ask(session, f"{server.url}/made/held"))
            await until(lambda: server.held, "the call")
            begun = time.monotonic()
            await asyncio.to_thread(server.stop, signal.SIGQUIT)
            assert time.monotonic() - begun < 15  # draining alone would be 20
            await asked
        line = WORKER.splitlines().index("            await asyncio.sleep(0.02)") + 1
        assert f"pi_made/__init__.py:{line} in held" in server.errors
        assert tally.failed


async def test_a_server_that_will_stop_still_accepts_for_a_while(tmp_path: Path) -> None:
    """`pre_stop_delay`: who balances the load sees it not ready before a connection is refused."""
    with daemon(tmp_path, server={"pre_stop_delay": "4s", "workers": 1}) as server:
        url = server.url
        server.send(signal.SIGTERM)
        wait_until(lambda: "no longer ready" in server.errors, "the first word of the end")
        async with aiohttp.ClientSession() as session, session.get(f"{url}/made/up") as answer:
            assert answer.status == 200
        assert server.process.wait(PATIENCE) == 0


async def test_idle_connections_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """They are closed when lingering is over."""
    with daemon(tmp_path, server={"linger": "500ms", "workers": 1}) as server:
        port = int(server.url.rpartition(":")[2])
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
        begun = time.monotonic()
        assert await asyncio.to_thread(server.stop) == 0
        assert time.monotonic() - begun < 40  # the keep-alive is 75
        for reader, writer in idle:
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
