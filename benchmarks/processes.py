"""Programs under measurement: started on a core of their own, watched through /proc, stopped by their id."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")

_CORES = sorted(os.sched_getaffinity(0))

SERVER_CORE = _CORES[0]
"""Where the server under measurement runs."""

OTHER_CORE = _CORES[-1]
"""Where load and providers run: the same core on a machine that has one."""


def free_port() -> int:
    """A port nobody listens on, below the range from which outgoing connections take theirs."""
    while True:
        port = random.randint(20000, 29999)  # noqa: S311 - it need not be secret
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def listening(port: int) -> bool:
    """Whether something accepts connections on ``port``."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pinned(core: int | None, command: Sequence[str]) -> list[str]:
    """``command`` bound to one core, or to none."""
    return list(command) if core is None else ["taskset", "-c", str(core), *command]


@contextmanager
def running(
    core: int | None,
    command: Sequence[str],
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Generator[int]:
    """Run ``command`` on ``core``, or on all, while the block lasts; gives its process id once it is ``ready``.

    ``environment`` is all variables it sees; without it, ours.

    Raises:
        RuntimeError: it ended, or was not ready within 20 seconds.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            pinned(core, command), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
        )
    try:
        _wait(process, log, ready)
        yield process.pid  # taskset replaced itself by the program
    finally:
        stop(process)


def _wait(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"not ready, exit code {process.poll()}: {log.read_text()[-2000:]}")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process gracefully, or else at once."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """Processor time a process has used in user and kernel mode, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, in MB (10^6 bytes)."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kilobytes) * 1024 / 1e6


def open_files(pid: int) -> int:
    """How many file descriptors a process has."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
