"""``python -m benchmarks.soak [--minutes N]``: what grows in a server that is busy for a long time.

Two workers answer the REST and the SOAP sample call, refuse tokens and bodies, and are looked at each minute.  The
first two minutes are not counted: caches and pools fill.  Ends with 1 if anything grows.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from os import kill
from pathlib import Path
from statistics import linear_regression

from benchmarks.load import Request, drive
from benchmarks.processes import open_files, resident_mb
from benchmarks.rounds import Contender
from benchmarks.servers import HEADERS, WITHDRAW, stub
from benchmarks.table import Table, verdict
from benchmarks.workers import master

MOST = {"RSS, MB": 0.25, "open files": 0.5, "tasks": 0.5}
"""How much each may grow in a minute; a leak of one object for each call would be a hundred times as much."""

_ORDER = '{"account": "1001", "amount": "1.00"}'
_WARM = 2


@dataclass(frozen=True, slots=True)
class Look:
    """A worker at one moment."""

    minute: float
    pid: int
    rss: float
    files: int
    tasks: int


def main() -> int:
    """Load, look, and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15, help="how long (default: 15)")
    minutes: float = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        market = opened.enter_context(stub("rest", folder)).request.url
        bank = opened.enter_context(stub("soap", folder)).request.url
        server = opened.enter_context(master(folder, market, 2, bank))
        looks, answers = _soak(server, folder / "workers-2/logs", minutes)
    table = _table(looks, answers)
    print(table)
    return 1 if "MISSED" in str(table) else 0


def _soak(server: Contender, logs: Path, minutes: float) -> tuple[list[Look], int]:
    begun, answers, looks = time.monotonic(), 0, list[Look]()
    base = server.request.url.partition("/api")[0]
    withdraw = Request(base + WITHDRAW, HEADERS | {"Content-Type": "application/json"}, _ORDER)
    while (passed := (time.monotonic() - begun) / 60) < minutes:
        for request in (server.request, withdraw):
            answers += drive(request, server.pid, 25, server.workers).count
        _refused(server.request.url)
        looks += [_look(pid, passed, logs) for pid in server.workers]
        print(f"minute {passed:4.1f}: {answers} answers, {looks[-1]}", file=sys.stderr, flush=True)
    return looks, answers


def _refused(url: str) -> None:
    """Requests that are refused, each in another way."""
    for more in (["-H", "x-srv-token: nobody's"], ["-X", "POST", "-d", "{"], ["-H", "Accept: image/png"]):
        subprocess.run(["curl", "-s", "-o", "/dev/null", *more, url], check=True, timeout=30)


def _look(pid: int, minute: float, logs: Path) -> Look:
    """What a worker takes; it tells of its tasks itself."""
    kill(pid, signal.SIGUSR2)
    end = time.monotonic() + 30
    while not (found := list(logs.glob(f"report-*-{pid}.json"))):
        if time.monotonic() > end:
            raise RuntimeError(f"worker {pid} wrote no report")
        time.sleep(0.2)
    time.sleep(0.5)
    tasks = json.loads(found[0].read_text())["tasks"]
    found[0].unlink()
    return Look(minute, pid, resident_mb(pid), open_files(pid), tasks)


def _table(looks: list[Look], answers: int) -> Table:
    rows: list[list[str]] = []
    for number, pid in enumerate(sorted({look.pid for look in looks}), 1):
        counted = [look for look in looks if look.pid == pid and look.minute >= _WARM]
        times = [look.minute for look in counted]
        for what, values in (
            ("RSS, MB", [look.rss for look in counted]),
            ("open files", [float(look.files) for look in counted]),
            ("tasks", [float(look.tasks) for look in counted]),
        ):
            slope = linear_regression(times, values).slope
            ends = f"{values[0]:.1f} to {values[-1]:.1f}"
            rows.append([f"worker {number}: {what}", ends, f"{slope:+.3f}", verdict(slope, at_most=MOST[what])])
    columns = ["figure", "after two minutes, at the end", "growth in a minute", "target"]
    return Table("A busy quarter of an hour", columns, rows, f"{answers:,} answers by two workers.")


if __name__ == "__main__":
    sys.exit(main())
