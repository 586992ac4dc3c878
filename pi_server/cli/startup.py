"""``pi-server startup``: a unit for systemd."""

from __future__ import annotations

import getpass
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pi_server.cli.endings import load_config
from pi_server.cli.options import ConfigFile, Settings, overrides_from

if TYPE_CHECKING:
    from pi_server.config import Config

_UNIT = Path(__file__).with_name("pi-server.service")
_MARGIN = 20
"""Seconds beyond the longest drain until systemd kills: lifespans, logs."""


def startup(
    config: ConfigFile = None,
    settings: Settings = None,
    user: Annotated[str, typer.Option(help="Who the server runs as.")] = "",
    output: Annotated[Path | None, typer.Option(help="Write it here; else to standard output.")] = None,
) -> None:
    """Write a systemd unit that runs this very installation with this configuration."""
    loaded = load_config(config, overrides_from(settings))
    server = loaded.config.server
    program = [str(Path(sys.executable).parent / "pi-server"), "run", "--config", str(loaded.path.absolute())]
    workers = [] if server.workers else ["--workers", "auto"]
    text = _UNIT.read_text("utf-8").format(
        command=_words([*program, *workers, *(part for one in settings or () for part in ("--set", one))]),
        user=user or getpass.getuser(),
        folder=str(loaded.base).replace("%", "%%"),
        stop=round(server.drain + (server.pre_stop_delay or 0)) + _MARGIN,
        written=_words(_written(loaded.config)),
    )
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    typer.echo(f"{output} is written. Put it into /etc/systemd/system, as root; then:")
    typer.echo(f"systemctl daemon-reload && systemctl enable --now {output.stem}")


def _written(config: Config) -> list[str]:
    """The folders that must be there, and may be written to."""
    unix = config.server.unix
    return sorted({str(folder) for folder in (config.server.data_dir, config.logs.dir, unix and unix.parent) if folder})


def _words(words: list[str]) -> str:
    """Words as systemd reads them back, which looks for specifiers and variables in them; systemd.service(5)."""
    return " ".join(shlex.quote(word).replace("%", "%%").replace("$", "$$") for word in words)
