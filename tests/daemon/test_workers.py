"""F45, F52 to F54, R-35, R-36: workers end, and others take their places."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.daemon.servers import WORKER, Load, daemon, kill, load
from tests.parts.waiting import until, wait_until


async def test_a_killed_worker_costs_its_own_calls_only(tmp_path: Path) -> None:
    """The other one answers all the time, and a replacement serves."""
    with daemon(tmp_path) as server:
        async with load(f"{server.url}/made/up", 100) as tally:
            gone = server.pids[0]
            kill(gone)
            await until(lambda: gone not in server.pids and len(server.pids) == 2, "a replacement")
            await asyncio.sleep(0.5)
        assert sum(tally.failed.values()) <= 10, tally.failed  # one for each consumer
        assert f"ended with SIGKILL: pid {gone}" in server.errors
        assert sorted(one["restarts"] for one in server.state["workers"]) == [0, 1]


def test_workers_end_with_their_master(tmp_path: Path) -> None:
    """Nobody is left behind, and the next master takes the folder and the port."""
    with daemon(tmp_path) as server:
        pids, port = server.pids, int(server.url.rpartition(":")[2])
        server.send(signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the end of the workers")
        server.process.wait()
        assert (tmp_path / "var/pi-server.pid").exists()
        with daemon(tmp_path, server={"port": port}) as second:
            assert second.url == server.url


def test_a_worker_that_begins_ends_with_its_master_too(tmp_path: Path) -> None:
    """Also where the master is gone before its worker could ask who it is."""
    with daemon(tmp_path, server={"workers": 1}) as server:
        first = server.pids
        (tmp_path / "site/sitecustomize.py").write_text("import time\ntime.sleep(2)\n")
        kill(first[0])
        begins = wait_until(lambda: [one["pid"] for one in server.state["workers"] if one["pid"] not in first])
        server.send(signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{begins[0]}").exists(), "the end of the worker")


@pytest.mark.slow
def test_workers_that_end_over_and_over_are_started_ever_more_slowly(tmp_path: Path) -> None:
    """The second pause is longer than the first, and an alarm is raised."""
    with daemon(tmp_path, server={"workers": 1}) as server:
        source = tmp_path / "site/pi_made/__init__.py"
        source.write_text("import os\nos._exit(9)\n")
        kill(server.pids[0])
        wait_until(lambda: "starts in 2 s" in server.errors, "a longer pause")
        wait_until(lambda: server.state["alarm"], "the alarm")
        assert server.process.poll() is None
        source.write_text(WORKER)
        wait_until(lambda: server.pids, "a worker that serves")


def test_a_server_whose_first_worker_cannot_start_ends(tmp_path: Path) -> None:
    """There is nothing to go on with; the status is that of the worker."""
    with daemon(tmp_path, wait=False, server={"strict": True}, services={"made": {"wurd": 1}}) as server:
        assert server.process.wait(60) == 78
        assert "wurd" in (tmp_path / "out.txt").read_text()


async def test_a_worker_is_replaced_after_so_many_requests(tmp_path: Path) -> None:
    """`max_requests`: another one serves first, so nobody notices."""
    with daemon(tmp_path, server={"max_requests": 50, "workers": 1}) as server:
        first = server.pids
        async with load(f"{server.url}/made/up", 100) as tally:
            await until(lambda: server.pids and server.pids != first, "another worker")
        assert not tally.failed
        assert "asks to be replaced: " in server.errors
        assert server.state["workers"][0]["restarts"] == 0


async def test_a_worker_is_replaced_beyond_its_memory(tmp_path: Path) -> None:
    """`memory_limit`: the worker, not the server, is started anew; what it did is finished."""
    with daemon(tmp_path, server={"memory_limit": "200MiB", "workers": 1}) as server:
        first = server.pids
        tally = Load()
        async with aiohttp.ClientSession() as session:
            await tally.ask(session, f"{server.url}/made/greedy?size={200 << 20}")
            await until(lambda: server.pids and server.pids != first, "another worker")
            await tally.ask(session, f"{server.url}/made/up")
        assert not tally.failed
        assert "MiB of memory used, of 200" in server.errors


async def test_a_worker_whose_loop_stands_still_is_ended(tmp_path: Path) -> None:
    """`stall`: the master ends it, its stack says where it stood, and the next one serves."""
    with daemon(tmp_path, server={"stall": "2s", "workers": 1}) as server:
        first = server.pids
        tally = Load()
        async with aiohttp.ClientSession() as session:
            await tally.ask(session, f"{server.url}/made/stuck?wait=40")
        assert tally.failed
        wait_until(lambda: server.pids and server.pids != first, "another worker")
        assert "time.sleep(wait)" in WORKER
        line = WORKER.splitlines().index("        time.sleep(wait)") + 1
        assert f'pi_made/__init__.py", line {line} in stuck' in (tmp_path / "out.txt").read_text()


def test_the_number_of_workers_can_be_changed_by_signal(tmp_path: Path) -> None:
    """TTIN adds one, TTOU takes one away."""
    with daemon(tmp_path, server={"workers": 1}) as server:
        server.send(signal.SIGTTIN)
        wait_until(lambda: len(server.pids) == 2, "another worker")
        server.send(signal.SIGTTOU)
        wait_until(lambda: len(server.state["workers"]) == 1, "one worker less")


def test_a_report_is_written_on_demand(tmp_path: Path) -> None:
    """USR2: each worker says how it stands, to its owner and group as a log does, and serves on."""
    with daemon(tmp_path) as server:
        before = server.pids
        server.send(signal.SIGUSR2)
        reports = wait_until(lambda: [*(tmp_path / "var/logs").glob("report-*.json")][1:], "the reports")
        assert not any(report.stat().st_mode & 0o007 for report in reports)
        assert server.pids == before
