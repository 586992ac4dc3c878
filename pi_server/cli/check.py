"""``pi-server check``: find out whether it would start."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from pi_server.cli.endings import WRONG_CONFIG, load_config, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.config.masks import one_line
from pi_server.server.failures import failure_lines

if TYPE_CHECKING:
    from pi_server.server.rehearsal import Rehearsal


def check(config: ConfigFile = None, settings: Settings = None) -> None:
    """Check the configuration, then import, bind and mount every enabled plugin; nothing is opened."""
    from pi_server.config import ConfigError
    from pi_server.server.rehearsal import rehearse

    loaded = load_config(config, overrides_from(settings))
    try:
        found = asyncio.run(rehearse(loaded))
    except ConfigError as error:
        stop(WRONG_CONFIG, *error.problems)
    for warning in found.warnings:
        typer.echo(one_line(f"warning: {warning}"), err=True)
    wrong = [*failure_lines(found.failed), *_middleware_lines(found)]
    if wrong:
        stop(WRONG_CONFIG, *wrong)
    enabled = sum(plugin.enabled for plugin in found.plugins)
    typer.echo(f"ok: {enabled} plugins, {len(found.mounts)} operations")
    for line in _unruled_lines(found):
        typer.echo(line)


def _middleware_lines(found: Rehearsal) -> list[str]:
    """One line for each reason why a middleware cannot be used, whether a chain names it or not."""
    failed = found.failed_middlewares.items()
    return [one_line(f"middleware {name}: {failure}") for name, error in failed for failure in error.failures]


def _unruled_lines(found: Rehearsal) -> list[str]:
    """One line for each Fault that a WSDL declares and no rule names: consumers would be told no more of it."""
    return [
        one_line(f"{plugin.name}: {provider} declares the fault {fault}, which no rule of files/faults.yaml names")
        for plugin in found.plugins
        if plugin.bound
        for provider, fault in plugin.bound.status_map.unforeseen.declared
    ]
