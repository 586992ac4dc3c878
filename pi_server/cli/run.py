"""``pi-server run``: serve until told to stop."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, ExitStack, suppress
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pi_server.cli.endings import FAILED, UNAVAILABLE, WRONG_CONFIG, load_config, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.telling import tell_sandbox, tell_server
from pi_server.server.failures import failure_lines

if TYPE_CHECKING:
    from pi_server.config import Config, LoadedConfig
    from pi_server.server.assembly import Server
    from pi_server.server.sandbox.run import Sandbox


def run(  # noqa: PLR0913 - each is an option of its own
    config: ConfigFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; server.host.")] = None,
    port: Annotated[str | None, typer.Option(help="TCP port to listen on; server.port.")] = None,
    workers: Annotated[
        str | None, typer.Option(help="Worker processes below a master, or `auto`; server.workers.")
    ] = None,
    settings: Settings = None,
    *,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Stand in for the providers, and print calls to try.")
    ] = False,
    daemon: Annotated[bool, typer.Option("--daemon", help="Go on in the background, with a master.")] = False,
    dev: Annotated[
        bool, typer.Option("--dev", help="Start anew whenever the code or the configuration changes.")
    ] = False,
) -> None:
    """Serve the enabled plugins until SIGTERM or SIGINT; the calls that run then are finished first."""
    named = {"server.host": host, "server.port": port, "server.workers": workers}
    overrides = {**overrides_from(settings), **{key: value for key, value in named.items() if value is not None}}
    if dev and daemon:
        raise typer.BadParameter("whoever develops wants to see what it says: not with --daemon", param_hint="--dev")
    if dev:
        from pi_server.cli.develop import develop

        develop(config, overrides)
        return
    loaded = load_config(config, overrides)
    if daemon:
        from pi_server.cli.daemon import in_background

        in_background(loaded, overrides)
    elif sandbox or loaded.config.server.workers is None:
        _alone(loaded, overrides, sandbox=sandbox)
    else:
        _supervised(loaded, overrides)


def _supervised(loaded: LoadedConfig, overrides: dict[str, str]) -> None:
    """Be the master of as many workers as ``server.workers`` says."""
    from pi_server.server.daemon.instance import AlreadyRunsError, Instance
    from pi_server.server.daemon.master import Master
    from pi_server.server.logs import open_error_log

    with ExitStack() as opened:
        try:
            instance = Instance(loaded.config.server.data_dir)
            open_error_log(loaded.config, opened)
            master = Master(loaded, overrides, instance, _tell_master)
        except AlreadyRunsError as error:
            stop(UNAVAILABLE, error)
        except OSError as error:
            _stop_for(error, loaded.config)
        master.run()


def _tell_master(address: str, workers: int) -> None:
    from pi_server.version import VERSION

    typer.echo(f"pi-server {VERSION} with {workers} workers serves {address}")


def _alone(loaded: LoadedConfig, overrides: dict[str, str], *, sandbox: bool) -> None:
    """Serve in this process."""
    from pi_server.config import ConfigError
    from pi_server.server.assembly import PluginsFailed
    from pi_server.server.daemon.instance import AlreadyRunsError, running
    from pi_server.server.event_loop import loop_factory
    from pi_server.server.sandbox.run import SandboxError

    if pid := running(loaded.config.server.data_dir):
        stop(UNAVAILABLE, AlreadyRunsError(pid))
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
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


async def _sandboxed(loaded: LoadedConfig, overrides: dict[str, str]) -> None:
    from pi_server.server.inbound import check_chains
    from pi_server.server.sandbox.run import open_sandbox

    check_chains(loaded)  # before any stand-in opens a socket
    async with AsyncExitStack() as opened:  # stand-ins outlive the calls that are finished at the end
        found = await opened.enter_async_context(open_sandbox(loaded))
        await _serve(load_config(loaded.path, {**overrides, **found.overrides}), found)


async def _serve(loaded: LoadedConfig, sandbox: Sandbox | None) -> None:
    from pi_server.server.listeners import bound, let_go
    from pi_server.server.serve import serve

    def started(server: Server, address: str) -> None:
        tell_server(server, address)
        if sandbox:
            tell_sandbox(sandbox, server, address, loaded.config)

    sockets = bound(loaded.config.server)
    try:
        await serve(loaded, sockets, started)
    finally:
        let_go(sockets)


def _stop_for(error: OSError, config: Config) -> NoReturn:
    """Tell a log that cannot be written from an address that cannot be bound."""
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    if error.filename:
        stop(WRONG_CONFIG, f"logs.dir: {error.filename} cannot be written: {reason}")
    where = config.server.unix or f"{config.server.host}:{config.server.port}"
    other = f" (pid {pid} listens there)" if (pid := _listener_at(config)) else ""
    stop(UNAVAILABLE, f"cannot listen on {where}: {reason}{other}; choose another address with --host and --port")


def _listener_at(config: Config) -> int | None:
    """Who has the port already, where the system tells."""
    import psutil

    with suppress(psutil.Error, OSError):
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr[1:] == (config.server.port,) and found.pid:
                owner = psutil.Process(found.pid)
                return owner.ppid() if "pi_server.server.daemon.worker" in owner.cmdline() else owner.pid
    return None
