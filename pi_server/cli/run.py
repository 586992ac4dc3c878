"""``pi-server run``: serve until told to stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer

from pi_server.cli.endings import FAILED, UNAVAILABLE, WRONG_CONFIG, failure_lines, load_config, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from

if TYPE_CHECKING:
    from pi_server.config import Config, LoadedConfig
    from pi_server.discovery.plugin import Plugin
    from pi_server.server.assembly import Server
    from pi_server.server.sandbox import Sandbox

_WIDTH = 80


def run(
    config: ConfigFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; server.host.")] = None,
    port: Annotated[str | None, typer.Option(help="TCP port to listen on; server.port.")] = None,
    settings: Settings = None,
    *,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Stand in for the providers, and print calls to try.")
    ] = False,
) -> None:
    """Serve the enabled plugins until SIGTERM or SIGINT; the calls that run then are finished first."""
    from pi_server.config import ConfigError
    from pi_server.server.assembly import PluginsFailed
    from pi_server.server.sandbox import SandboxError

    named = {"server.host": host, "server.port": port}
    overrides = {**overrides_from(settings), **{key: value for key, value in named.items() if value is not None}}
    loaded = load_config(config, overrides)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_sandboxed(loaded, overrides) if sandbox else _serve(loaded, None))
    except ConfigError as error:
        stop(WRONG_CONFIG, *error.problems)
    except PluginsFailed as error:
        stop(WRONG_CONFIG, *failure_lines(error.plugins))
    except SandboxError as error:
        stop(UNAVAILABLE, error)
    except OSError as error:
        _stop_for(error, loaded.config)
    except asyncio.CancelledError:
        stop(FAILED, "Stopped at the second signal; calls were cut off.")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The quicker event loop where it is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return None
    return new_event_loop


async def _sandboxed(loaded: LoadedConfig, overrides: dict[str, str]) -> None:
    from pi_server.server.inbound import check_chains
    from pi_server.server.sandbox import open_sandbox

    check_chains(loaded)  # before any stand-in opens a socket
    async with AsyncExitStack() as opened:  # stand-ins outlive the calls that are finished at the end
        found = await opened.enter_async_context(open_sandbox(loaded))
        await _serve(load_config(loaded.path, {**overrides, **found.overrides}), found)


async def _serve(loaded: LoadedConfig, sandbox: Sandbox | None) -> None:
    from pi_server.server.serve import serve

    def started(server: Server, address: str) -> None:
        _tell(server, address, loaded.config)
        if sandbox:
            _tell_sandbox(sandbox, server, _reachable(address), loaded.config)

    await serve(loaded, started)


def _tell(server: Server, address: str, config: Config) -> None:
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


def _tell_sandbox(sandbox: Sandbox, server: Server, address: str, config: Config) -> None:
    """Say what stands in for what, where to look, and what to paste."""
    from pi_server.cli.curl import curl

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


def _stop_for(error: OSError, config: Config) -> None:
    """Tell a log that cannot be written from an address that cannot be bound."""
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    if error.filename:
        stop(WRONG_CONFIG, f"logs.dir: {error.filename} cannot be written: {reason}")
    where = f"{config.server.host}:{config.server.port}"
    stop(UNAVAILABLE, f"cannot listen on {where}: {reason}; choose another address with --host and --port")
