"""``pi-server logs``: what the logs of this configuration hold, merged by time; the whole story of one call."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from pi_server.cli.endings import FAILED, config_to_find, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.tables import console

if TYPE_CHECKING:
    from pi_server.audit.reading import Entry, Log
    from pi_server.config import LogsSection

LOGS = ("access", "api", "error", "audit", "decisions", "operators")
_STYLES = {"access": "cyan", "api": "magenta", "error": "red", "audit": "yellow"}  # the others go without
_PAUSE = 0.2  # seconds between two looks at files that are followed


def logs(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help=f"{', '.join(LOGS)}; else all.")
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    *,
    correlation_id: Annotated[
        str,
        typer.Option("--correlation-id", metavar="ID", help="Only what tells of this call, rotated files included."),
    ] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last entries.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added, until Ctrl-C.")] = False,
) -> None:
    """Show the logs in the order of time, masked as they were written."""
    from pi_server.audit.reading import Following, last, of_call

    section = config_to_find(config, overrides_from(settings)).logs
    found = _logs(section, names or [])
    following = Following(found, correlation_id) if follow else None
    entries = of_call(found, correlation_id) if correlation_id else last(found, lines)
    _show(entries)
    if correlation_id and not entries and not follow:
        stop(FAILED, f"nothing here tells of a call {correlation_id}")
    try:
        while following is not None:
            time.sleep(_PAUSE)
            _show(following.more())
    except KeyboardInterrupt:
        return


def _logs(section: LogsSection, names: list[str]) -> list[Log]:
    """Those that are files; the end of the program when one was named that is none."""
    from pi_server.audit.reading import Log
    from pi_server.audit.stamp import zone

    if unknown := [name for name in names if name not in LOGS]:
        raise typer.BadParameter(f"there is no log {unknown[0]!r}; there are {', '.join(LOGS)}")
    output = section.access.output
    if output in ("stdout", "stderr") and (section.dir / "access.log").exists():
        output = "access.log"  # where `run --daemon` has it
    files = {name: f"{name}.log" for name in LOGS} | {"access": output}
    if output in ("stdout", "stderr", "off"):
        del files["access"]
        told = "is switched off" if output == "off" else f"goes to {output}"
        if "access" in names:
            stop(FAILED, f"the access log {told}; logs.access.output can name a file")
        typer.echo(f"the access log {told}, so it is not shown here", err=True)
    own = zone(section.timezone)
    return [
        Log(name, section.dir / file, None if name == "error" else own)
        for name, file in files.items()
        if name in (names or LOGS)
    ]


def _show(entries: list[Entry]) -> None:
    """On a terminal with the name of the log before each; as they stand in the files where a program reads them."""
    try:
        if not sys.stdout.isatty():
            for entry in entries:
                sys.stdout.write(f"{entry.text}\n")
            sys.stdout.flush()
            return
        _show_to_people(entries)
    except BrokenPipeError:  # as with ``| head``
        raise typer.Exit from None


def _show_to_people(entries: list[Entry]) -> None:
    from rich.text import Text

    for entry in entries:
        console().print(Text(f"{entry.log:<10}", _STYLES.get(entry.log, "")) + Text(entry.text), soft_wrap=True)
