"""``pi-server run --dev``: for whoever writes a plugin."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pi_server.cli.endings import load_config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOOK_EVERY = 200
"""Milliseconds until it is seen that the server has ended by itself."""

_PATIENCE = 5.0
"""Seconds the calls that run may take to finish; then they are cut off."""


def develop(path: Path | None, overrides: Mapping[str, str]) -> None:
    """Run the command again, without ``--dev``, whenever the configuration or an enabled plugin changes."""
    path = load_config(path, overrides).path.absolute()
    command = [sys.executable, "-P", "-m", "pi_server", *(given for given in sys.argv[1:] if given != "--dev")]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        while True:
            _until_a_change(path, overrides, command)


def _until_a_change(path: Path, overrides: Mapping[str, str], command: list[str]) -> None:
    """Serve until something changes that is watched; the watch begins before the server reads anything."""
    changes = _changes(_places(path, overrides))
    next(changes)
    child = subprocess.Popen(command, process_group=0)  # noqa: S603 - this very program; Ctrl-C is passed on just once
    try:
        running = True
        for changed in changes:
            if changed:
                typer.echo("changed: " + ", ".join(changed))
                return
            if running and child.poll() is not None:
                running = False
                typer.echo(f"it ended with status {child.returncode}, and begins again after the next change")
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let it finish its calls; another Ctrl-C, or the end of patience, cuts them off."""
    while child.poll() is None:
        child.send_signal(signal.SIGINT)
        with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            child.wait(_PATIENCE)


def _places(path: Path, overrides: Mapping[str, str]) -> list[Path]:
    """The configuration's file and its secrets, and the packages of enabled plugins."""
    from importlib.util import find_spec

    from pi_server.config import load_what_fits
    from pi_server.discovery.entry_points import discover

    installed = discover()
    loaded, _ = load_what_fits(path, os.environ, overrides, services=installed)
    places = [path, path.parent / "secrets"]
    for name, candidates in installed.items():
        section = loaded.config.services.get(name)
        if section is not None and section.enabled and candidates:
            spec = find_spec(candidates[0].value.partition(":")[0].partition(".")[0])
            places += map(Path, (spec and (spec.submodule_search_locations or [spec.origin or ""])) or ())
    return places


def _changes(places: list[Path]) -> Iterator[list[str]]:
    """What changes, and again and again nothing.

    Folders are watched and not files, which editors replace; none below that of the configuration, which holds logs.
    """
    from watchfiles import Change, DefaultFilter, watch

    plain = DefaultFilter()

    def wanted(change: Change, path: str) -> bool:
        return plain(change, path) and any(Path(path).is_relative_to(place) for place in places)

    watching = watch(
        *{folder for place in places for folder in _folders(place)},
        watch_filter=wanted,
        recursive=False,
        rust_timeout=_LOOK_EVERY,
        yield_on_timeout=True,
    )
    for changed in watching:
        yield sorted({path for _, path in changed})


def _folders(place: Path) -> Iterator[Path]:
    yield place if place.is_dir() else place.parent
    yield from (folder for folder in place.rglob("*") if folder.is_dir() and folder.name != "__pycache__")
