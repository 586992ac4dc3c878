"""What the server costs where it does nothing: GET /ping, without any chain."""

from contextlib import ExitStack
from pathlib import Path

from benchmarks.rounds import interleaved
from benchmarks.servers import bare_aiohttp, ours
from benchmarks.table import Table, race

TARGET = 0.95


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """Our /ping beside a bare handler."""
    with ExitStack() as opened:
        contenders = [opened.enter_context(ours(folder, "/ping")), opened.enter_context(bare_aiohttp(folder))]
        mine, bare = interleaved(contenders, rounds, seconds)
    return [race("GET /ping, no chain", mine, [(bare, TARGET)])]
