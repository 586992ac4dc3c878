"""What a worker with the three plugins takes: memory, time to its first answer, and how many SOAP calls it serves."""

import http.client
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks.processes import SERVER_CORE, free_port, resident_mb, running
from benchmarks.rounds import Series, Spread, interleaved
from benchmarks.servers import WITHDRAW, ours, ours_command, stub
from benchmarks.table import Table, spread, verdict

STARTS = 5
LONGEST_START, LARGEST = 1.5, 90.0
_ORDER = '{"account": "1001", "amount": "10.00"}'


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """Several starts, then a run of SOAP calls."""
    starts, sizes = zip(*(_start(folder) for _ in range(STARTS)), strict=True)
    soap, loaded = _soap(folder, rounds, seconds)
    first, size = Spread.of(starts), Spread.of(sizes)
    rows = [
        ["start to first 200 on /ping, s", spread(first, 2), verdict(first.middle, at_most=LONGEST_START)],
        ["RSS after the start, MB", spread(size, 1), verdict(size.middle, at_most=LARGEST)],
        ["RSS after the SOAP calls, MB", f"{loaded:.1f}", verdict(loaded, at_most=LARGEST)],
        ["SOAP calls/s", spread(soap.rate), ""],
        ["CPU us/SOAP call", spread(soap.cpu), ""],
    ]
    return [Table("One worker, three plugins", ["figure", "measured", "target"], rows)]


def _start(folder: Path) -> tuple[float, float]:
    """Seconds until the first answer, and MB in RAM then."""
    port = free_port()
    command = ours_command(port, folder / "start")
    begin = time.perf_counter()
    with running(SERVER_CORE, command, folder / "start.log", lambda: _pings(port)) as pid:
        return time.perf_counter() - begin, resident_mb(pid)


def _pings(port: int) -> bool:
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    return False


def _soap(folder: Path, rounds: int, seconds: float) -> tuple[Series, float]:
    """The withdrawal against a SOAP stub, and the memory after it."""
    with ExitStack() as opened:
        bank = opened.enter_context(stub("soap", folder)).request.url
        server = opened.enter_context(ours(folder, WITHDRAW, bank=bank, body=_ORDER))
        (series,) = interleaved([server], rounds, seconds)
        return series, resident_mb(server.pid)
