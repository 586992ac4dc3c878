"""Running a checker on what is shipped."""

import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent

WORKER_MEMORY = 130 << 20
"""Bytes that a worker takes at most, as docs/deploying.md has it; its master takes less."""


def checked(*command: str | Path) -> str:
    """What a checker says; it must be content."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
