"""How a verb ends when it cannot do what was asked: lines on standard error and a status, never a traceback."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from pi_server.config import Config, LoadedConfig

FAILED = 1
UNAVAILABLE = 69  # EX_UNAVAILABLE of sysexits.h
WRONG_CONFIG = 78  # EX_CONFIG


def stop(status: int, *lines: object) -> NoReturn:
    """End the program with ``lines`` on standard error."""
    for line in lines:
        typer.echo(str(line), err=True)
    raise typer.Exit(status)


def load_config(path: Path | None, overrides: Mapping[str, str]) -> LoadedConfig:
    """The configuration, or the end of the program with one line for each thing wrong with it."""
    from pi_server.config import ConfigError, load
    from pi_server.discovery.entry_points import discover

    try:
        return load(path, os.environ, overrides, services=discover())
    except ConfigError as error:
        stop(WRONG_CONFIG, *error.problems)


def config_to_find(path: Path | None, overrides: Mapping[str, str], *, quiet: bool = False) -> Config:
    """What leads to a running server and its logs: a file that was spoilt since it started hides neither.

    What is wrong with it is told, unless somebody else will: ``quiet``.
    """
    from pi_server.config import load_what_fits
    from pi_server.discovery.entry_points import discover

    loaded, wrong = load_what_fits(path, os.environ, overrides, services=discover())
    for line in wrong if not quiet else ():
        typer.echo(str(line), err=True)
    if wrong and not quiet:
        typer.echo("this is not in effect: a server that runs has its configuration from before", err=True)
    return loaded.config
