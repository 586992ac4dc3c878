"""``pi-server routes``: what would be served, and behind which links."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from pi_server.cli.endings import WRONG_CONFIG, load_config, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.tables import fits, show_table, show_words
from pi_server.server.failures import failure_lines

if TYPE_CHECKING:
    from pi_server.domain.mount import Mount

Row = tuple[str, str, str, str, str, str]
_COLUMNS = ("verb", "path", "operation", "chain", "scope", "timeout")


def routes(
    config: ConfigFile = None,
    settings: Settings = None,
    *,
    chains: Annotated[bool, typer.Option("--chains", help="Show each operation's links, outermost first.")] = False,
) -> None:
    """List every operation with its verb, path, chain, scope and timeout."""
    from pi_server.config import ConfigError
    from pi_server.server.rehearsal import rehearse

    try:
        found = asyncio.run(rehearse(load_config(config, overrides_from(settings))))
    except ConfigError as error:
        stop(WRONG_CONFIG, *error.problems)
    rows = [_row(mount) for mount in found.mounts]
    if not chains and fits(_COLUMNS, rows):
        show_table(_COLUMNS, rows)
    else:
        _show_blocks(rows, [found.links(mount) if chains else [] for mount in found.mounts])
    for line in failure_lines(found.failed):
        typer.echo(line, err=True)


def _row(mount: Mount) -> Row:
    from pi_server.config.units import seconds_text

    operation = mount.operation
    scope = "public" if operation.public else operation.scope or "any consumer"
    name = f"{operation.service}.{operation.name}"
    return operation.verb, operation.path, name, mount.chain, scope, seconds_text(mount.timeout)


def _show_blocks(rows: list[Row], links: list[list[str]]) -> None:
    """One short block for each operation, where a table would be too wide."""
    for (verb, path, name, chain, scope, timeout), passed in zip(rows, links, strict=True):
        show_words(f"{verb:<6}", path)
        show_words(name, f"· chain {chain} ·", scope, f"· {timeout}", indent=7)
        if passed:
            show_words(" > ".join(passed), indent=7)
