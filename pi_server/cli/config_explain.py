"""``pi-server config explain``: every value in effect and where it came from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple
from typing import Annotated

import typer

from pi_server.cli.endings import load_config
from pi_server.cli.options import ConfigFile, Settings, overrides_from

_WIDEST = (44, 24)


def explain(
    config: ConfigFile = None,
    settings: Settings = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show the core's values in effect, what was given for plugins, and where each came from; secrets are masked."""
    from pi_server.config import explain as explained

    found = explained(load_config(config, overrides_from(settings)))
    if as_json:
        rows = [{"path": one.path, "value": one.value_text, "origin": one.origin} for one in found]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for line in _aligned([astuple(one) for one in found]):
        typer.echo(line)


def _aligned(rows: list[Sequence[str]]) -> list[str]:
    """Three columns; a value longer than its column pushes the origin to the right, and is never cut."""
    first, second = (min(widest, max(len(row[at]) for row in rows)) for at, widest in enumerate(_WIDEST))
    return [f"{path:<{first}}  {value:<{second}}  {origin}" for path, value, origin in rows]
