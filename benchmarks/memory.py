"""Whether the chain keeps anything of what passes it: memory and descriptors after many requests."""

import time
from itertools import cycle
from pathlib import Path

from benchmarks.doors import Door, ours
from benchmarks.load import drive
from benchmarks.processes import open_files, resident_mb
from benchmarks.table import Table, verdict

WARM, MANY = 20_000, 200_000
LARGEST_GROWTH = 3.0
LONGEST = 240.0
"""Seconds after which a machine is too slow for this measurement."""


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """Requests with a token each, with the session opened or not, and orders; so many, however many rounds."""
    with ours(folder) as door:
        warm = _load(door, WARM)
        size, files = resident_mb(door.pid), open_files(door.pid)
        served = warm + _load(door, MANY)
        later, files_later = resident_mb(door.pid), open_files(door.pid)
    rows = [
        [
            "RSS, MB",
            f"{size:.1f}",
            f"{later:.1f}",
            f"{later - size:+.1f}",
            verdict(later - size, at_most=LARGEST_GROWTH),
        ],
        [
            "file descriptors",
            f"{files}",
            f"{files_later}",
            f"{files_later - files:+}",
            verdict(files_later - files, at_most=0),
        ],
    ]
    columns = ["figure", f"after {warm:,}", f"after {served:,}", "growth", "target"]
    return [Table("The chain after many requests, every token new", columns, rows)]


def _load(door: Door, least: int) -> int:
    """Send at least so many; how many it were."""
    kinds = cycle([door.asked("/pong", fresh=True), door.asked("/session", fresh=True), door.ordered()])
    served, end = 0, time.monotonic() + LONGEST
    for kind in kinds:
        served += drive(kind.request, door.pid, 2).count
        if served >= least:
            break
        if time.monotonic() > end:
            raise TimeoutError(f"{served} requests in {LONGEST:g} s")
    time.sleep(1)  # until the server has seen the load's connections end
    return served
