"""``pi-server ps``, ``reload``, ``stop``, ``monitor``: the server of a configuration, as one process sees another."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from pi_server.cli.endings import FAILED, UNAVAILABLE, config_to_find, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.service import failures_below
from pi_server.cli.tables import console, show_table, show_words, table_of
from pi_server.server import signals

if TYPE_CHECKING:
    from pi_server.config import ServerSection

_COLUMNS = ("id", "name", "version", "pid", "uptime", "restarts", "status", "cpu", "mem")
_LOOK_EVERY = 0.1


class Process(NamedTuple):
    """A process of a server: what its master says of it, and what the system does."""

    name: str
    pid: int
    status: str
    version: str
    restarts: int = 0
    slot: int = 0


def list_processes(config: ConfigFile = None, settings: Settings = None) -> None:
    """Show the master and the workers of the server that runs with this configuration."""
    section = _section(config, settings)
    found = list(_processes(section.data_dir))
    if not found:
        _nobody(section)
    show_table(_COLUMNS, _rows(found, 0.2))
    for line in (*_remarks(section.data_dir), *failures_below(section.data_dir)):
        show_words(line)


def reload(config: ConfigFile = None, settings: Settings = None) -> None:
    """Have the master try configuration and code, and replace all workers if they can serve; none is lost otherwise."""
    from pi_server.server.daemon.instance import state_of

    section = _section(config, settings, quiet=True)  # the master tells what is wrong with it
    pid = _master(section)
    before = state_of(section.data_dir).get("reload", {}).get("number", 0)
    os.kill(pid, signals.RELOAD)
    while True:
        told = state_of(section.data_dir).get("reload", {})
        if told.get("number", 0) > before:
            break
        _still(section, pid)
        time.sleep(_LOOK_EVERY)
    if not told["ok"]:
        stop(FAILED, *told["problems"], "refused: the old configuration still serves")
    typer.echo("reloaded: all workers are new")
    for line in failures_below(section.data_dir):
        typer.echo(line, err=True)


def stop_server(config: ConfigFile = None, settings: Settings = None) -> None:
    """Have the server finish its calls and end; a second signal would end it at once."""
    section = _section(config, settings)
    found = list(_processes(section.data_dir))
    if not found:
        _nobody(section)
    first = found[0]
    os.kill(first.pid, signals.STOP[0])
    patience = section.drain + (section.pre_stop_delay or 0) + 30
    end = time.monotonic() + patience
    while _lives(first.pid):
        if time.monotonic() > end:
            stop(FAILED, f"it has not ended in {patience:g} s: pid {first.pid}; SIGQUIT ends it at once")
        time.sleep(_LOOK_EVERY)
    typer.echo(f"stopped: pid {first.pid}")


def monitor(
    config: ConfigFile = None,
    settings: Settings = None,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between looks.")] = 1.0,
) -> None:
    """Watch the processes of the server, until Ctrl-C."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    section = _section(config, settings)
    with suppress(KeyboardInterrupt), Live(console=console(), screen=False, auto_refresh=False) as live:
        if not any(_processes(section.data_dir)):
            _nobody(section)
        while found := list(_processes(section.data_dir)):
            table = table_of(_COLUMNS, _rows(found, every))
            live.update(Group(table, *map(Text, _remarks(section.data_dir))), refresh=True)
        typer.echo("the server has ended")


def _section(config: Path | None, settings: list[str] | None, *, quiet: bool = False) -> ServerSection:
    return config_to_find(config, overrides_from(settings), quiet=quiet).server


def _master(section: ServerSection) -> int:
    from pi_server.server.daemon.instance import running

    if pid := running(section.data_dir):
        return pid
    if any(_processes(section.data_dir)):
        stop(UNAVAILABLE, "one process serves alone, and cannot reload: start it with --workers 1 or more")
    return _nobody(section)


def _nobody(section: ServerSection) -> int:
    stop(UNAVAILABLE, f"no server runs here: nobody has {section.data_dir}")


def _still(section: ServerSection, pid: int) -> None:
    if not _lives(pid):
        stop(UNAVAILABLE, f"the master ended: nobody has {section.data_dir}")


def _lives(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _processes(data_dir: Path) -> Iterator[Process]:
    """The master and its workers, or whoever serves alone."""
    from pi_server.server.control.channel import workers
    from pi_server.server.daemon.instance import running, state_of
    from pi_server.version import VERSION

    if pid := running(data_dir):
        state = state_of(data_dir)
        yield Process("master", pid, "serving" if state.get("ready") else "starting", state.get("version", ""))
        for one in state.get("workers", ()):
            yield Process("worker", one["pid"], one["status"], state["version"], one["restarts"], one["id"])
        return
    for worker in workers(data_dir):
        yield Process("server", worker.pid, "serving", VERSION)


def _rows(found: list[Process], seconds: float) -> list[tuple[str, ...]]:
    """What people see; the load of a processor is what was used within ``seconds``."""
    import psutil

    seen: list[tuple[Process, Any]] = []
    for process in found:
        with suppress(psutil.Error):
            of_system = psutil.Process(process.pid)
            of_system.cpu_percent()
            seen.append((process, of_system))
    time.sleep(seconds)
    rows: list[tuple[str, ...]] = []
    for process, of_system in seen:
        with suppress(psutil.Error), of_system.oneshot():
            uptime = _span(time.time() - of_system.create_time())
            used = f"{of_system.memory_info().rss / 2**20:.0f} MiB"
            cpu = f"{of_system.cpu_percent():.0f} %"
            slot, restarts = str(process.slot or "-"), str(process.restarts)
            rows.append(
                (slot, process.name, process.version, str(process.pid), uptime, restarts, process.status, cpu, used)
            )
    return rows


def _remarks(data_dir: Path) -> list[str]:
    """What a master has to say beside its workers."""
    from pi_server.server.daemon.instance import running, state_of

    if not running(data_dir):
        return []
    state = state_of(data_dir)
    lines = [f"serves {state['address']}"] if state.get("address") else []
    if state.get("alarm"):
        lines.append("workers end over and over: see error.log")
    told = state.get("reload", {})
    if told.get("problems"):
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told["at"]))
        lines += [f"the reload at {at} was refused: {problem}" for problem in told["problems"]]
    return lines


def _span(seconds: float) -> str:
    """``seconds`` in their two largest units."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if days >= 1:
        return f"{int(days)}d {int(hours % 24)}h"
    if hours >= 1:
        return f"{int(hours)}h {int(minutes % 60)}m"
    return f"{int(minutes)}m {int(seconds % 60)}s"
