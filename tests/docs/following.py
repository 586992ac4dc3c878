"""Doing what a page says, in a folder of its own, with processes of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT
from tests.parts.processes import running
from tests.parts.waiting import PATIENCE

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
_PIP = ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target")


@dataclass(frozen=True)
class Reader:
    """Somebody who follows a page: the folder they work in, and the place they install to."""

    folder: Path
    site: Path

    @property
    def environment(self) -> dict[str, str]:
        """That of a shell in which pi-server and their plugin are installed."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, "PYTHONPATH": f"{self.site}{os.pathsep}{ROOT}", "NO_COLOR": "1"}

    def install(self, package: str) -> None:
        """Install the package in a folder, as ``pip install`` would, but from this machine only."""
        done = self.run(*_PIP, str(self.site), package)
        assert done.returncode == 0, done.stderr

    def run(self, *module: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module in the folder."""
        return subprocess.run(
            [sys.executable, "-P", "-m", *module],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,  # mypy reads much the first time
            check=False,
        )

    @contextmanager
    def serving(self) -> Generator["Serving"]:
        """``pi-server run --sandbox`` on a free port, once it has printed its ``curl`` line."""
        output = self.folder / "output"
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        command = [sys.executable, "-P", "-u", "-m", "pi_server", "run", "--sandbox", "--port", "0"]
        with running(
            ["env", "-C", str(self.folder), *variables, *command], output, lambda: "\ncurl " in output.read_text()
        ):
            yield Serving(output.read_text(), self.folder / "var" / "logs")


@dataclass(frozen=True)
class Serving:
    """A running server: what it said, and its logs."""

    said: str
    logs: Path

    @property
    def url(self) -> str:
        """The address it serves at."""
        return self.said.splitlines()[0].split()[-1]

    @property
    def curl(self) -> str:
        """The line that is there to be pasted."""
        return next(line for line in self.said.splitlines() if line.startswith("curl "))

    def paste(self, line: str) -> Any:
        """The answer to a ``curl`` line."""
        done = subprocess.run(["bash", "-c", f"{line} -sS"], capture_output=True, text=True, timeout=20, check=True)
        return json.loads(done.stdout)


def without_ids(answer: Any) -> Any:
    """An answer with its random ids made equal."""
    return json.loads(re.sub(r'"[0-9a-f]{32}"', '"ID"', json.dumps(answer)))
