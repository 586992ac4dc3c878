"""F43: the clock of the host jumps, and what is measured in seconds goes on as if nothing had happened."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.cli.processes import environment
from tests.daemon.servers import Load, daemon
from tests.parts.waiting import wait_until

LIBRARIES = [str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]


@pytest.mark.slow
@pytest.mark.parametrize("jump", ["-3600", "+3600"])
async def test_a_clock_that_jumps_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: str) -> None:
    """A call that runs is answered, its deadline is kept, no worker is taken for dead, and logs tell the new time."""
    assert LIBRARIES, "libfaketime was not found: type `sudo apt-get install --no-install-recommends libfaketime`"
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    faked = {
        "LD_PRELOAD": LIBRARIES[0],
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }

    def moved(**more: str) -> dict[str, str]:
        return environment(**more) | faked

    monkeypatch.setattr("tests.daemon.servers.environment", moved)
    operations = {"up": {"timeout": "3s"}}
    with daemon(tmp_path, services={"made": {"operations": operations}}) as server:
        pids, tally = server.pids, Load()
        async with aiohttp.ClientSession() as session:
            running = asyncio.create_task(tally.ask(session, f"{server.url}/made/up?wait=1.5"))
            late = asyncio.create_task(session.get(f"{server.url}/made/up?wait=30"))
            await asyncio.sleep(0.5)
            clock.write_text(f"{jump}\n")
            await running
            async with await late as answer:
                assert answer.status == 504
            await tally.ask(session, f"{server.url}/made/up")
        assert tally.answers == {"200": 2}
        assert server.pids == pids
        assert server.reload()["ok"]
        here = int(clock.stat().st_mtime)
        wait_until(lambda: abs(server.state["reload"]["at"] - here - int(jump)) < 600, "the new time")
