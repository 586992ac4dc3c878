"""``pi-server plugin list``: which plugins there are and how far each comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from pi_server.cli.endings import WRONG_CONFIG, load_config, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.tables import show_table
from pi_server.server.failures import failure_lines

if TYPE_CHECKING:
    from pi_server.discovery.plugin import Plugin


def list_plugins(config: ConfigFile = None, settings: Settings = None) -> None:
    """List installed and configured plugins with their state; below, why one would not be served."""
    from pi_server.config import ConfigError
    from pi_server.server.rehearsal import rehearse

    try:
        found = asyncio.run(rehearse(load_config(config, overrides_from(settings))))
    except ConfigError as error:
        stop(WRONG_CONFIG, *error.problems)
    show_table(("name", "state", "version", "distribution", "root"), [_row(plugin) for plugin in found.plugins])
    for line in failure_lines(found.failed):
        typer.echo(line)


def _row(plugin: Plugin) -> tuple[str, ...]:
    package = plugin.candidate
    return (
        plugin.name,
        plugin.state,
        package.version if package else "-",
        package.distribution if package else "-",
        plugin.root or "-",
    )
