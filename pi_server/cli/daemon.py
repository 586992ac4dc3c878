"""``pi-server run --daemon``: a master of its own session, which outlives the terminal."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import typer

from pi_server.cli.endings import UNAVAILABLE, stop
from pi_server.cli.service import failures_below

if TYPE_CHECKING:
    from pi_server.config import LoadedConfig

_LIMIT = 90.0
"""Seconds the workers may take to serve."""


def in_background(loaded: LoadedConfig, overrides: dict[str, str]) -> NoReturn:
    """Start a master, wait until its workers serve, and leave it alone."""
    from pi_server.server.daemon.instance import running, state_of

    server, logs = loaded.config.server, loaded.config.logs
    if pid := running(server.data_dir):
        stop(UNAVAILABLE, f"a server already runs here: its pid is {pid}")
    given = {"server.workers": str(server.workers or 1), "logs.access.output": _output(loaded), **overrides}
    options = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    logs.dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    said = logs.dir / "daemon.log"
    said.touch(mode=0o640)
    begin = said.stat().st_size
    command = [sys.executable, "-P", "-m", "pi_server", "run", "--config", str(loaded.path.absolute()), *options]
    with said.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - this very program
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    end = time.monotonic() + _LIMIT
    while process.poll() is None and time.monotonic() < end:
        state = state_of(server.data_dir)
        if state.get("pid") == process.pid and state["ready"]:
            typer.echo(f"pi-server serves {state['address']} in the background: its pid is {process.pid}")
            for line in failures_below(server.data_dir):
                typer.echo(line, err=True)
            raise typer.Exit
        time.sleep(0.05)
    lines = said.read_bytes()[begin:].decode("utf-8", "replace").splitlines()
    stop(process.poll() or UNAVAILABLE, *lines, f"it did not start; {said} has the whole story")


def _output(loaded: LoadedConfig) -> str:
    """Where access lines go: nobody sees the standard output of a daemon."""
    output = loaded.config.logs.access.output
    return "access.log" if output in ("stdout", "stderr") else output
