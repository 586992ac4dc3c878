"""``pi-server service``: switch one service of a running server on, off or over, in every worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pi_server.cli.endings import FAILED, UNAVAILABLE, config_to_find, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.tables import show_table, show_words

if TYPE_CHECKING:
    from pathlib import Path

Name = Annotated[str, typer.Argument(metavar="SERVICE", help="As in the configuration: account_withdrawal.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, worker by worker.")]

_STATES = ("failed", "quarantined", "disabled", "serving")  # the worst first
_COUNTS = ("running", "tasks", "blockings", "leaks")


def list_services(config: ConfigFile = None, settings: Settings = None, *, as_json: AsJson = False) -> None:
    """Show what each service does: its state, the calls and tasks that run, and how often it misbehaved."""
    told, silent = _asked(config, settings, "services")
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        show_table(("service", "state", *_COUNTS), map(_row, _by_service(told)))
        for line in _failures(told):
            show_words(line)
    _end(silent)


def enable(service: Name, config: ConfigFile = None, settings: Settings = None) -> None:
    """Begin a service, with its section as it stands in the file now."""
    _turn(config, settings, service, "enable")


def disable(service: Name, config: ConfigFile = None, settings: Settings = None) -> None:
    """Let no more calls in, finish those that run, and end the service."""
    _turn(config, settings, service, "disable")


def reload_service(service: Name, config: ConfigFile = None, settings: Settings = None) -> None:
    """Begin a service anew, with its section as it stands in the file now; then the one before ends."""
    _turn(config, settings, service, "reload")


def quarantine(service: Name, config: ConfigFile = None, settings: Settings = None) -> None:
    """Answer 503 for a service, until it is released or the worker is replaced."""
    _turn(config, settings, service, "quarantine")


def release(service: Name, config: ConfigFile = None, settings: Settings = None) -> None:
    """End a quarantine."""
    _turn(config, settings, service, "release")


def failures_below(data_dir: Path) -> list[str]:
    """A line for each reason why a worker does not serve an enabled plugin; a worker that does not answer has none."""
    told, _ = _told(data_dir, "services")
    return _failures(told)


def _failures(told: list[dict[str, Any]]) -> list[str]:
    return list(
        dict.fromkeys(f"{one['service']} is not served: {failure}" for one in told for failure in one["failures"])
    )


def _turn(config: Path | None, settings: list[str] | None, service: str, what: str) -> None:
    told, silent = _asked(config, settings, "service", service=service, turn=what)
    if told:
        workers = "worker" if len(told) == 1 else "workers"
        typer.echo(f"{service}: {told[0]['state']} in {len(told)} {workers}")
    _end(silent)


def _end(silent: list[str]) -> None:
    """A failure for a script where any worker did not do as it was asked."""
    if silent:
        stop(FAILED, *silent)


def _asked(
    config: Path | None, settings: list[str] | None, verb: str, **given: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """As `_told`, by a server that runs."""
    data_dir = config_to_find(config, overrides_from(settings)).server.data_dir
    told, silent = _told(data_dir, verb, **given)
    if not told and not silent:
        stop(UNAVAILABLE, f"no server runs here: nobody listens below {data_dir}")
    return told, silent


def _told(data_dir: Path, verb: str, **given: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What all workers answer, each asked whatever the others say; and why some did not, each reason once.

    Workers that only finish their calls are not asked: after a reload they would tell of what was before.
    """
    from pi_server.server.control.channel import RefusedError, workers
    from pi_server.server.daemon.instance import state_of

    stopping = {one["pid"] for one in state_of(data_dir).get("workers", ()) if one["status"] == "stopping"}
    told: list[dict[str, Any]] = []
    silent: dict[str, list[int]] = {}
    for worker in workers(data_dir):
        if worker.pid in stopping:
            continue
        try:
            answer = worker.ask(verb, **given)
        except (RefusedError, OSError) as error:
            silent.setdefault(str(error), []).append(worker.pid)
        else:
            told += answer if isinstance(answer, list) else [answer]
    return told, [f"{_named(pids)}: {reason}" for reason, pids in silent.items()]


def _named(pids: list[int]) -> str:
    return f"worker{'s' if len(pids) > 1 else ''} {', '.join(map(str, pids))}"


def _by_service(told: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    names = dict.fromkeys(one["service"] for one in told)
    return [[one for one in told if one["service"] == name] for name in names]


def _row(same: list[dict[str, Any]]) -> tuple[str, ...]:
    """One service over all workers: the worst state, and sums."""
    states = [one["state"] for one in same]
    worst = min(states, key=_STATES.index)
    return (same[0]["service"], worst, *(str(sum(one[count] for one in same)) for count in _COUNTS))
