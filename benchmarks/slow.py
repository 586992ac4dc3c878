"""Whether those who ask a quick provider notice that another one is slow."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.doors import installed
from benchmarks.processes import OTHER_CORE, SERVER_CORE, free_port, listening, pinned, running
from benchmarks.servers import stub
from benchmarks.table import Table, verdict

SLOW = 1.0
"""Seconds the slow provider takes."""

WAITING = 40
"""Consumers that wait for it at any time."""

ASKING = 2
"""Consumers of a quick one: with as many as the server can serve, a percentile tells of the queue before it only."""

TARGET = 1.2
_ROOT = "/api/markets/v1.0"
_P99 = re.compile(r"99%\s+([\d.]+)(us|ms|s)")
_LENGTH = re.compile(rb"Content-Length: (\d+)")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def measure(folder: Path, rounds: int, seconds: float) -> list[Table]:
    """The 99th percentile of the two quick ones, without and with consumers waiting for the slow one."""
    found: dict[str, list[tuple[float, float]]] = {"one": [], "other": []}
    with _server(folder) as address:
        for _ in range(rounds):
            for name, pairs in found.items():
                alone = _p99(f"{address}/{name}", seconds)
                pairs.append((alone, asyncio.run(_beside(address, name, seconds))))
    rows: list[list[str]] = []
    for name, pairs in found.items():
        ratio = median(beside / alone for alone, beside in pairs)
        alone, beside = (median(pair[at] for pair in pairs) * 1e3 for at in (0, 1))
        rows.append([name, f"{alone:.2f}", f"{beside:.2f}", f"{ratio:.2f}x", verdict(ratio, at_most=TARGET)])
    columns = ["provider", "p99 alone, ms", f"p99 while {WAITING} wait for the slow one, ms", "ratio", "target"]
    return [Table(f"One of three providers takes {SLOW:g} s", columns, rows)]


def _p99(url: str, seconds: float) -> float:
    command = ["wrk", "-t1", f"-c{ASKING}", f"-d{round(seconds)}s", "--latency", url]
    said = subprocess.run(pinned(OTHER_CORE, command), check=True, capture_output=True, text=True).stdout
    match = _P99.search(said)
    if match is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{url}: {said}")
    return float(match[1]) * _UNITS[match[2]]


async def _beside(address: str, name: str, seconds: float) -> float:
    waiting = [asyncio.create_task(_wait(address, SLOW * place / WAITING)) for place in range(WAITING)]
    await asyncio.sleep(2 * SLOW)
    found = await asyncio.to_thread(_p99, f"{address}/{name}", seconds)
    failed = [task for task in waiting if task.done()]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if failed:
        raise RuntimeError(f"{len(failed)} of those who wait were refused: {failed[0]}")
    return found


async def _wait(address: str, first: float) -> None:
    """Ask the slow one again and again: bytes on a connection, because a client would take the core from wrk."""
    place = urlsplit(address)
    await asyncio.sleep(first)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        while True:
            writer.write(f"GET {place.path}/slow HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not head.startswith(b"HTTP/1.1 200") or length is None:
                raise RuntimeError(head.decode())
            await reader.readexactly(int(length[1]))
    finally:
        writer.close()


@contextmanager
def _server(folder: Path) -> Generator[str]:
    port, here = free_port(), folder / "markets"
    environment = installed(here, "markets = benchmarks.markets:Markets")
    with ExitStack() as opened:
        quick = [opened.enter_context(stub("rest", folder)).request.url for _ in range(2)]
        slow = opened.enter_context(stub("rest", folder, delay=SLOW)).request.url
        file = here / "config.yaml"
        file.write_text(json.dumps(_configuration(port, here, {"one": quick[0], "other": quick[1], "slow": slow})))
        command = [sys.executable, "-m", "pi_server", "run", "--config", str(file)]
        opened.enter_context(running(SERVER_CORE, command, here / "out.log", lambda: listening(port), environment))
        yield f"http://127.0.0.1:{port}{_ROOT}"


def _configuration(port: int, folder: Path, endpoints: dict[str, str]) -> dict[str, Any]:
    providers = {
        name: {"company": "market", "endpoint": url, "timeout": "5s", "connections": 2 * WAITING}
        for name, url in endpoints.items()
    }
    return {
        "server": {"host": "127.0.0.1", "port": port, "data_dir": str(folder)},
        "logs": {"dir": str(folder / "logs"), "access": {"output": "access.log"}},
        "services": {"markets": {"enabled": True, **providers}},
    }
