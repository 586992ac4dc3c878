"""``pi-server mask test``: see what the logs would show of a message."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pi_server.cli.endings import load_config, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from

UNREADABLE = 2
_TYPES = {".json": "application/json", ".xml": "text/xml", ".form": "application/x-www-form-urlencoded"}


def mask_test(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="File with a body as it was sent; - for standard input.")
    ],
    config: ConfigFile = None,
    settings: Settings = None,
    *,
    content_type: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Content type of the body; else by the file's name.")
    ] = "",
) -> None:
    """Show a body as the logs would show it and, on standard error, which rules hid something and how often."""
    from pi_server.server.masking import shown

    section = load_config(config, overrides_from(settings)).config.logs.mask
    text, hits = shown(_read(file), content_type or _TYPES.get(file.suffix.lower(), ""), section)
    sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
    sys.stdout.buffer.flush()
    for rule, count in sorted(hits.items()):
        typer.echo(f"{rule}: {count}", err=True)
    if not hits:
        typer.echo("nothing was masked", err=True)


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        stop(UNREADABLE, f"{file} cannot be read: {os.strerror(error.errno or 0)}")
