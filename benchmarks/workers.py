"""What one more worker costs and brings: the sample call with one and with two, on all cores.

Load and provider stub take their share of the cores, so the answers per second tell little on a small machine; the
processor time for each answer does not depend on that.
"""

import json
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.load import Request
from benchmarks.processes import free_port, running
from benchmarks.rounds import Contender, interleaved
from benchmarks.servers import HEADERS, LATEST, ours_command, stub
from benchmarks.table import Table, spread, verdict

DEAREST = 1.15
"""How many times the processor time of one worker's answer two workers may take."""


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """One master with one worker, another with two."""
    with ExitStack() as opened:
        market = opened.enter_context(stub("rest", folder)).request.url
        servers = [opened.enter_context(master(folder, market, workers)) for workers in (1, 2)]
        one, two = interleaved(servers, rounds, seconds)
    dearer, faster = one.cheaper_than(two), two.faster_than(one)
    rows = [
        [one.name, spread(one.rate), spread(one.cpu), "", "", ""],
        [
            two.name,
            spread(two.rate),
            spread(two.cpu),
            spread(faster, 2, "x"),
            spread(dearer, 2, "x"),
            verdict(dearer.middle, at_most=DEAREST),
        ],
    ]
    columns = ["server", "answers/s", "CPU us/answer", "answers/s against one", "CPU against one", "target"]
    return [Table("One worker and two", columns, rows, "Load and provider stub share the cores with the workers.")]


@contextmanager
def master(folder: Path, market: str, workers: int, bank: str = "") -> Generator[Contender]:
    """A master on all cores, once its workers serve."""
    port, here = free_port(), folder / f"workers-{workers}"
    command = [*ours_command(port, here, market, bank), "--workers", str(workers)]
    state = here / "master.json"

    def serves() -> bool:
        return state.exists() and bool(json.loads(state.read_text())["ready"])

    with running(None, command, here.with_suffix(".log"), serves) as pid:
        pids = tuple(one["pid"] for one in json.loads(state.read_text())["workers"])
        name = "one worker" if workers == 1 else f"{workers} workers"
        yield Contender(name, pid, Request(f"http://127.0.0.1:{port}{LATEST}", HEADERS), pids)
