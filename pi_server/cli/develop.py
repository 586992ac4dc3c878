"""``pi-server run --dev``: for whoever writes a plugin."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pi_server.config import LoadedConfig


def develop(loaded: LoadedConfig) -> None:
    """Run the command again, without ``--dev``, whenever the configuration or an enabled plugin changes."""
    from watchfiles import run_process

    paths = _watched(loaded)
    typer.echo("watching " + ", ".join(str(path) for path in paths))
    arguments = [argument for argument in sys.argv[1:] if argument != "--dev"]
    run_process(*paths, target=shlex.join([sys.executable, "-P", "-m", "pi_server", *arguments]), target_type="command")


def _watched(loaded: LoadedConfig) -> list[Path]:
    """The configuration's file and the packages of enabled plugins; not its folder, which holds the logs."""
    from importlib.util import find_spec

    from pi_server.discovery.entry_points import discover

    paths = [loaded.path.absolute()]
    for name, candidates in discover().items():
        section = loaded.config.services.get(name)
        if section is not None and section.enabled and candidates:
            spec = find_spec(candidates[0].value.partition(":")[0].partition(".")[0])
            paths += [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    return paths
