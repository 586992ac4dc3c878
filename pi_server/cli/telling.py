"""What a server that has just started says of itself."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import typer

from pi_server.server.failures import failure_lines

if TYPE_CHECKING:
    from pi_server.config import Config
    from pi_server.discovery.plugin import Plugin
    from pi_server.server.assembly import Server
    from pi_server.server.sandbox.run import Sandbox

_WIDTH = 80


def tell_server(server: Server, address: str) -> None:
    """Say where it serves what."""
    from pi_server.version import VERSION

    typer.echo(f"pi-server {VERSION} serves {address}")
    enabled = [plugin for plugin in server.plugins if plugin.enabled]
    name = max((len(plugin.name) for plugin in enabled), default=0)
    root = max((len(plugin.root) for plugin in enabled), default=0)
    for plugin in enabled:
        typer.echo(_plugin_line(plugin, name, root))
    if not enabled:
        typer.echo("  no plugin is enabled: `pi-server plugin list` shows which are installed")


def _plugin_line(plugin: Plugin, name: int, root: int) -> str:
    start = f"  {plugin.name:<{name}}  "
    if plugin.bound is None:
        return start + "FAILED " + "; ".join(line.partition(": ")[2] for line in failure_lines([plugin]))
    start += f"{plugin.root:<{root}}  "
    operations = ", ".join(mount.operation.name for mount in plugin.bound.mounts)
    return start + shorten(operations, max(_WIDTH - len(start), 20), placeholder=" ...")


def _reachable(address: str) -> str:
    """An address that can be called: "every address" is none."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def tell_sandbox(sandbox: Sandbox, server: Server, address: str, config: Config) -> None:
    """Say what stands in for what, where to look, and what to paste."""
    from pi_server.cli.curl import curl

    address = _reachable(address)
    for one in sandbox.stand_ins:
        typer.echo(f"  stand-in for {one.service}.{one.field} at {one.address}")
    typer.echo(f"  API log  {_shown(config.logs.dir / 'api.log')}")
    if config.docs_mode != "off":
        typer.echo(f"  docs     {address}/docs")
    bound = [mount.operation for plugin in server.plugins if plugin.bound for mount in plugin.bound.mounts]
    operations = {(operation.service, operation.name): operation for operation in bound}
    lines = ["", "Try it; the token is good for this run only:", ""]
    for example in sandbox.examples:
        operation = operations.get((example.service, example.operation))
        missing = f"# nothing to try for {example.service}: no operation {example.operation} is served"
        lines.append(curl(address, operation, example.values, sandbox.token) if operation else missing)
    typer.echo("\n".join(lines))


def _shown(path: Path) -> Path:
    """A path as short as it can be told from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
