"""What a session costs that is sent along and that nobody opens."""

from dataclasses import replace
from pathlib import Path

from benchmarks.doors import ours
from benchmarks.rounds import interleaved
from benchmarks.table import Table, race

TARGET = 0.95
"""Of the rate without it: below, it would be measurable; the cookie's bytes must be received all the same."""


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """The same request with the cookie and without."""
    with ours(folder) as door:
        sent = replace(door.asked("/pong"), name="with the session's cookie")
        plain = replace(door.asked("/pong", cookie=False), name="without")
        mine, without = interleaved([sent, plain], rounds, seconds)
    return [race("A session nobody opens", mine, [(without, TARGET)])]
