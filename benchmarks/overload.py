"""``python -m benchmarks.overload [--seconds N]``: what more than a server can bear does to one worker.

Two figures: the memory that consumers take who ask for something large and do not read it; and how many good answers
are left of the usual ones while three times as many are asked for, and how long it takes afterwards until all is as
before.  Ends with 1 if a target is missed.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from benchmarks.crowd import Crowd, Told
from benchmarks.doors import installed
from benchmarks.large import MIB
from benchmarks.load import Request, drive
from benchmarks.processes import OTHER_CORE, SERVER_CORE, free_port, listening, resident_mb, running
from benchmarks.table import Table, verdict

READERS = 500
"""Consumers who read nothing."""

SIZES = (1, 8)
"""Mebibytes of an answer: one that the system takes from the server as a whole, and one that it does not."""

MOST_MB = 64 * MIB / 1e6

ROUNDS = 2000
"""Of work for one answer, about half a millisecond: so that those who ask are never busier than the server."""

TIMES = 3
"""How many times what the server can answer is asked for."""

LEAST = 0.8
RECOVERY = 5.0
"""Seconds within which all is as before."""

_NORMAL = 0.5  # of what it can answer: the load that is usual
_WATCHED = 20.0  # seconds in which memory is looked at: longer than a connection may take nothing
_CALM = 10  # seconds of the usual load, before and afterwards


def main() -> int:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long too much is asked (default: 60)")
    seconds: float = parser.parse_args().seconds
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory() as name:
        tables = [_unread(Path(name)), _flooded(Path(name), seconds)]
    print(*tables, sep="\n\n")
    return 1 if "MISSED" in "".join(map(str, tables)) else 0


@contextmanager
def _serving(folder: Path) -> Generator[tuple[int, int]]:
    """One worker with the service of `benchmarks.large`: its port and process."""
    port, here = free_port(), folder / "large"
    environment = installed(here, "large = benchmarks.large:Large")
    (here / "config.yaml").write_text(
        json.dumps(
            {
                "server": {"host": "127.0.0.1", "port": port, "data_dir": str(here)},
                "logs": {"dir": str(here / "logs"), "access": {"output": "access.log"}},
                "services": {"large": {"enabled": True}},
            }
        )
    )
    command = [sys.executable, "-m", "pi_server", "run", "--config", str(here / "config.yaml")]
    with running(SERVER_CORE, command, here / "out.log", lambda: listening(port), environment) as pid:
        yield port, pid


def _unread(folder: Path) -> Table:
    """Memory before anybody asks, and the most while nobody reads."""
    rows: list[list[str]] = []
    for size in SIZES:
        with _serving(folder / str(size)) as (port, pid):
            for _ in range(20):
                _read(port, size)
            before = resident_mb(pid)
            most, after = _held(port, pid, size)
        told = [f"{figure:.1f}" for figure in (before, most, most - before, after)]
        rows.append([f"{size} MiB each", *told, verdict(most - before, at_most=MOST_MB)])
    columns = ["answer", "RSS before, MB", "the most", "more", "when all are gone", "target for more"]
    return Table(f"{READERS} consumers of one worker read nothing of a large answer", columns, rows)


def _held(port: int, pid: int, size: int) -> tuple[float, float]:
    """The most memory while nobody reads, and what is left when all are gone."""
    unread = [_ask(port, size) for _ in range(READERS)]
    most, end = 0.0, time.monotonic() + _WATCHED
    while time.monotonic() < end:
        most = max(most, resident_mb(pid))
        time.sleep(0.01)
    for one in unread:
        one.close()
    time.sleep(2)
    return most, resident_mb(pid)


def _ask(port: int, size: int) -> socket.socket:
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asking.connect(("127.0.0.1", port))
    asking.sendall(f"GET /api/large/v1.0/large/{size} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return asking


def _read(port: int, size: int) -> None:
    with _ask(port, size) as asking:
        asking.settimeout(10)
        left = size * MIB
        while left > 0 and (piece := asking.recv(MIB)):
            left -= len(piece)


def _flooded(folder: Path, seconds: float) -> Table:
    """What it can answer, what it does answer when more is asked, and when it is calm again."""
    with _serving(folder) as (port, pid):
        request = Request(f"http://127.0.0.1:{port}/api/large/v1.0/work/{ROUNDS}")
        drive(request, pid, 3)
        capacity = drive(request, pid, 10).rate
        before, flood, after = uvloop.run(_asked(request, capacity, seconds))
    good = sum(len(one.times) for one in flood) / seconds
    usual = _p99(before)
    calm = next((at for at in range(len(after)) if all(_is_calm(one, usual) for one in after[at:])), len(after))
    told = sum((one.statuses for one in flood), Counter[int]())
    asked = f"{TIMES * capacity:,.0f}"
    rows = [
        ["can answer (wrk, 8 connections)", f"{capacity:,.0f}", ""],
        [f"good answers, of {asked} asked for", f"{good:,.0f}", verdict(good / capacity, at_least=LEAST)],
        ["p99 before, ms", f"{usual * 1e3:.1f}", ""],
        ["p99 of good answers meanwhile, ms", f"{_p99(flood) * 1e3:.0f}", ""],
        ["seconds until all is as before", f"{calm}", verdict(calm, at_most=RECOVERY)],
    ]
    sent = sum(count for status, count in told.items() if status) / seconds
    remark = (
        f"Answered in all: {sent:,.0f} a second; if far fewer than were asked for, the crowd was too slow itself. "
        f"Good over possible: {good / capacity:.2f}. Told meanwhile (0: given up, or not sent): {dict(told)}."
    )
    title = f"{TIMES} times as many calls as one worker can answer, for {seconds:g} s"
    return Table(title, ["", "a second", "target"], rows, remark)


async def _asked(request: Request, capacity: float, seconds: float) -> tuple[list[Told], list[Told], list[Told]]:
    crowd = Crowd(request)
    try:
        before = await crowd.ask(_NORMAL * capacity, _CALM)
        flood = await crowd.ask(TIMES * capacity, seconds)
        return before, flood, await crowd.ask(_NORMAL * capacity, _CALM)
    finally:
        await crowd.close()


def _is_calm(told: Told, usual: float) -> bool:
    return set(told.statuses) == {200} and _p99([told]) < max(5 * usual, 0.1)


def _p99(told: list[Told]) -> float:
    times = sorted(time for one in told for time in one.times)
    return times[int(len(times) * 0.99)] if times else 0.0


if __name__ == "__main__":
    sys.exit(main())
