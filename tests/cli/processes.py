"""Running ``pi-server`` as a process, with nothing of this process's environment that it would read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.waiting import PATIENCE, wait_until

COMMAND = (sys.executable, "-P", "-m", "pi_server")
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


def environment(**more: str) -> dict[str, str]:
    """The variables a process starts with."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | more


def pi(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``pi-server`` to its end in ``cwd``."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def wait_for(what: str, path: Path, process: subprocess.Popen[bytes] | None = None) -> str:
    """The text of ``path`` once ``what`` stands in it."""

    def text() -> str:
        found = path.read_text() if path.exists() else ""
        assert what in found or process is None or process.poll() is None, f"it ended: {found}"
        return found

    wait_until(lambda: what in text(), f"{what!r} in {path}")
    return text()


class Serving:
    """A server that serves: its process, its address, and what it has said on standard output."""

    def __init__(self, process: subprocess.Popen[bytes], said: str, folder: Path) -> None:
        """Take the address from the first line; ``folder`` is where it runs."""
        self.process = process
        self.folder = folder
        self.said = said
        self.address = said.splitlines()[0].split()[-1]

    @property
    def curls(self) -> list[str]:
        """The lines that are there to be pasted."""
        return [line for line in self.said.splitlines() if line.startswith("curl ")]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and return its status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(*arguments: str, cwd: Path, until: str = " serves ", **variables: str) -> Generator[Serving]:
    """``pi-server run`` on a free port, once ``until`` stands in what it says; stopped at the end if it still runs."""
    told = cwd / "stdout.txt"
    with told.open("wb") as output, (cwd / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(
            [*COMMAND, "run", "--port", "0", *arguments],
            cwd=cwd,
            env=environment(**variables),
            stdout=output,
            stderr=errors,
        )
        try:
            yield Serving(process, wait_for(until, told, process), cwd)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(PATIENCE)
