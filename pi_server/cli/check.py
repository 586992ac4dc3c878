"""``pi-server check``: find out whether it would start."""

from __future__ import annotations

import asyncio

import typer

from pi_server.cli.endings import WRONG_CONFIG, failure_lines, load_config, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from


def check(config: ConfigFile = None, settings: Settings = None) -> None:
    """Check the configuration, then import, bind and mount every enabled plugin; nothing is opened."""
    from pi_server.config import ConfigError
    from pi_server.server.rehearsal import rehearse

    loaded = load_config(config, overrides_from(settings))
    try:
        found = asyncio.run(rehearse(loaded))
    except ConfigError as error:
        stop(WRONG_CONFIG, *error.problems)
    if found.failed:
        stop(WRONG_CONFIG, *failure_lines(found.failed))
    enabled = sum(plugin.enabled for plugin in found.plugins)
    typer.echo(f"ok: {enabled} plugins, {len(found.mounts)} operations")
