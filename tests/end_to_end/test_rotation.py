"""Logs that are rotated under load: nothing is lost, and nothing is written twice."""

import asyncio
import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import aiohttp

from pi_server.audit.writer import AppendFile
from tests.cli.processes import serving, wait_for
from tests.parts.waiting import wait_until

SAMPLE = Path(__file__).parents[2] / "deploy/logrotate/pi-server"
LINES = 3000


def _write(path: Path, name: str) -> None:
    """A thousand lines a second, from a process of its own."""
    file = AppendFile(path)
    begun = time.monotonic()
    for number in range(LINES):
        file.write(f"{name} {number}\n".encode())
        time.sleep(max(0.0, begun + number / 1000 - time.monotonic()))
    file.close()


def _found(path: Path) -> list[str]:
    """All lines, in all files."""
    return [line for file in path.parent.glob("api.log*") for line in file.read_text().splitlines()]


def test_a_rename_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Over and over, with two processes writing, and no signal."""
    path = tmp_path / "api.log"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(path, name)) for name in "ab"]
    for worker in workers:
        worker.start()
    number = 0
    while any(worker.is_alive() for worker in workers):
        if path.exists():
            path.rename(f"{path}.{number}")
            number += 1
        time.sleep(0.1)
    for worker in workers:
        worker.join()
    assert number >= 3
    assert sorted(_found(path)) == sorted(f"{name} {number}" for name in "ab" for number in range(LINES))


def test_a_copy_and_a_cut_between_lines_lose_nothing(tmp_path: Path) -> None:
    """``copytruncate`` leaves no hole and no old bytes; what comes between its two steps is its own to lose."""
    path = tmp_path / "api.log"
    file = AppendFile(path)
    for number in range(1000):
        file.write(f"a {number}\n".encode())
        if number % 100 == 99:
            shutil.copy(path, f"{path}.{number}")
            os.truncate(path, 0)
    file.close()
    assert sorted(_found(path)) == sorted(f"a {number}" for number in range(1000))


def test_the_sample_rotates_a_running_server(tmp_path: Path) -> None:
    """With the paths of this place, by logrotate itself: all logs go on in new files, readable by the group only."""
    (tmp_path / "config.yaml").write_text("logs: {access: {output: access.log}}\ndocs: public\n")
    pidfile, logs = tmp_path / "var/pi-server.pid", tmp_path / "var/logs"
    text = SAMPLE.read_text().replace("/var/lib/pi-server/logs", str(logs))
    rules = tmp_path / "rules"
    rules.write_text(text.replace("/var/lib/pi-server/pi-server.pid", str(pidfile)))
    with serving("--workers", "2", cwd=tmp_path) as server:
        assert pidfile.exists()
        asyncio.run(_ask(server.address, "before"))
        wait_for("before", logs / "access.log")
        command = ["logrotate", "--force", "--state", str(tmp_path / "state"), str(rules)]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        wait_for("", logs / "access.log")
        wait_until(lambda: all((logs / f"{name}.log").exists() for name in ("access", "error")), "new files")
        asyncio.run(_ask(server.address, "after"))
        assert "before" not in wait_for("after", logs / "access.log")
        assert server.stop(signal.SIGTERM) == 0
    (old,) = logs.glob("access.log-*")
    assert ("before" in old.read_text(), "after" in old.read_text()) == (True, False)
    assert {path.stat().st_mode & 0o777 for path in logs.glob("*.log*")} == {0o640}


async def _ask(address: str, correlation_id: str) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{address}/openapi.json", headers={"activityid": correlation_id}) as answer,
    ):
        assert answer.status == 200
