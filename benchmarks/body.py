"""A JSON body of one kilobyte, read strictly and validated, behind nothing but the links that always stand."""

from contextlib import ExitStack
from pathlib import Path

from benchmarks.doors import ours, peers
from benchmarks.order import BODY
from benchmarks.rounds import interleaved
from benchmarks.table import Table, race

AIOHTTP_TARGET, FASTAPI_TARGET = 0.95, 2.3


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """An order, placed beside the peers."""
    with ExitStack() as opened:
        doors = [opened.enter_context(ours(folder)), *opened.enter_context(peers(folder, whole=False))]
        mine, aiohttp, fastapi, blacksheep = interleaved([door.ordered() for door in doors], rounds, seconds)
    others = [(aiohttp, AIOHTTP_TARGET), (fastapi, FASTAPI_TARGET), (blacksheep, None)]
    return [race(f"A validated JSON body of {len(BODY):,} bytes", mine, others)]
