"""Starting a program on a free port, waiting until it is ready, and stopping it by its id."""

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


def free_port() -> int:
    """A port nobody listens on, below the range from which outgoing connections take theirs."""
    while True:
        port = random.randint(20000, 29999)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def listening(port: int) -> bool:
    """Whether something accepts connections on ``port``."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(
    command: Sequence[str], log: Path, ready: Callable[[], bool], timeout: float = 30
) -> Generator[subprocess.Popen[bytes]]:
    """Run ``command`` in a session of its own, so that Ctrl-C reaches it only through us.

    Raises RuntimeError with the end of its log when it is not ``ready`` within ``timeout`` seconds.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    try:
        end = time.monotonic() + timeout
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command} is not ready, exit code {process.poll()}:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield process
    finally:
        _stop(process)


@contextmanager
def script(path: Path, log_dir: Path) -> Generator[str]:
    """Run a Python script that takes ``--port``; gives its base URL without a slash at the end."""
    port = free_port()
    command = [sys.executable, str(path), "--port", str(port)]
    with running(command, log_dir / f"{path.stem}.log", lambda: listening(port)):
        yield f"http://127.0.0.1:{port}"
