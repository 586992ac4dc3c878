"""Running a checker on what is shipped."""

import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent

WORKER_MEMORY = 100 << 20
"""Bytes that a worker may take, and the master beside it."""


def checked(*command: str | Path) -> str:
    """What a checker says; it must be content."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
