"""``pi-server providers``: how it stands with each provider, in every worker that runs; and its breaker, by hand."""

from __future__ import annotations

import json
import time
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pi_server.cli.endings import FAILED, UNAVAILABLE, config_to_find, stop
from pi_server.cli.options import ConfigFile, Settings, overrides_from
from pi_server.cli.tables import show_table, show_words

if TYPE_CHECKING:
    from pathlib import Path

Name = Annotated[str, typer.Argument(metavar="SERVICE.PROVIDER", help="As in the list: account_withdrawal.bank.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, with everything that is counted.")]

Unforeseen = Annotated[
    bool, typer.Option("--unforeseen", help="Show the failures that no rule of a plugin's faults.yaml speaks of.")
]

_STATES = ("held_open", "open", "half_open", "closed")  # the worst first


def list_providers(
    context: typer.Context,
    config: ConfigFile = None,
    settings: Settings = None,
    *,
    unforeseen: Unforeseen = False,
    as_json: AsJson = False,
) -> None:
    """Show how it stands with each provider: breaker, exchanges that run and wait, times, and the last fault."""
    if context.invoked_subcommand is not None:
        return
    told = _asked(config, settings, "unforeseen" if unforeseen else "providers")
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    if unforeseen:
        _show_unforeseen(told)
        return
    merged = [_merged([one for one in told if one["provider"] == name]) for name in _names(told)]
    show_table(("provider", "breaker", "runs", "waits", "exchanges", "failed", "p50", "p95"), map(_row, merged))
    for one in merged:
        for line in _below(one):
            show_words(line)


def _show_unforeseen(told: list[dict[str, Any]]) -> None:
    """Each shape over all workers, the most frequent first."""
    shapes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in told:
        shapes.setdefault((one["service"], one["when"]), []).append(one)
    if not shapes:
        typer.echo("every failure of a provider had its rule")
        return
    columns = ("times", "service", "no rule has when", "first", "last", "in the call")
    rows = [_shape(*place, same) for place, same in shapes.items()]
    show_table(columns, [(str(count), *row) for count, *row in sorted(rows, key=lambda row: (-row[0], row[1:]))])


def _shape(service: str, when: str, same: list[dict[str, Any]]) -> tuple[int, str, str, str, str, str]:
    last = max(same, key=lambda one: one["last"])
    first = min(one["first"] for one in same)
    count = sum(one["count"] for one in same)
    return (count, service, when, _at(first), _at(last["last"]), last["correlationId"])


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def open_breaker(provider: Name, config: ConfigFile = None, settings: Settings = None) -> None:
    """Ask a provider no more, in every worker, until its breaker is closed again."""
    _asked(config, settings, "breaker", provider=provider, turn="open")
    typer.echo(f"{provider} is not asked any more; pi-server providers close {provider} ends that")


def close_breaker(provider: Name, config: ConfigFile = None, settings: Settings = None) -> None:
    """Ask a provider again, in every worker, with its failures forgotten."""
    _asked(config, settings, "breaker", provider=provider, turn="close")
    typer.echo(f"{provider} is asked again")


def _asked(config: Path | None, settings: list[str] | None, verb: str, **given: str) -> list[dict[str, Any]]:
    """What all workers answer, one after the other; the end of the program when none does."""
    from pi_server.server.control.channel import RefusedError, workers

    data_dir = config_to_find(config, overrides_from(settings)).server.data_dir
    told: list[dict[str, Any]] = []
    asked = 0
    for worker in workers(data_dir):
        try:
            told += worker.ask(verb, **given)
        except RefusedError as refused:
            stop(FAILED, refused)
        except OSError as error:
            stop(UNAVAILABLE, f"a worker did not answer: {error}")
        asked += 1
    if not asked:
        stop(UNAVAILABLE, f"no server runs here: nobody listens below {data_dir}")
    return told


def _names(told: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(one["provider"] for one in told))


def _merged(same: list[dict[str, Any]]) -> dict[str, Any]:
    """One provider over all workers: sums, the worst of each breaker, the slowest times, the latest fault."""
    first = same[0]
    counts = ("inFlight", "queued", "exchanges", "failed", "retries", "failovers")
    faults = [one["lastFault"] for one in same if one["lastFault"]]
    return {
        **first,
        **{name: sum(one[name] for one in same) for name in counts},
        "breakers": {address: _worst([one["breakers"][address] for one in same]) for address in first["breakers"]},
        "opened": {
            address: min((one["opened"][address] for one in same if address in one["opened"]), key=itemgetter("at"))
            for address in {address: None for one in same for address in one["opened"]}
        },
        "refused": {kind: sum(one["refused"].get(kind, 0) for one in same) for one in same for kind in one["refused"]},
        "p50": max((one["p50"] for one in same if one["p50"] is not None), default=None),
        "p95": max((one["p95"] for one in same if one["p95"] is not None), default=None),
        "lastFault": max(faults, key=lambda fault: fault["at"], default=None),
    }


def _worst(states: list[str]) -> str:
    return min(states, key=_STATES.index)


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    state = _worst(list(one["breakers"].values())).replace("_", " ") if one["breakers"] else "off"
    counts = (one["inFlight"], one["queued"], one["exchanges"], one["failed"])
    return (one["provider"], state, *map(str, counts), _shown(one["p50"]), _shown(one["p95"]))


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"


def _below(one: dict[str, Any]) -> list[str]:
    """What does not fit into a row, and is there only when something is wrong."""
    lines: list[str] = []
    if len(one["breakers"]) > 1:
        lines += [f"at {address}: {state.replace('_', ' ')}" for address, state in one["breakers"].items()]
    lines += [f"not asked at {address} since {_at(it['at'])}: {it['why']}" for address, it in one["opened"].items()]
    lines += one["warnings"]
    if fault := one["lastFault"]:
        lines.append(f"last fault at {_at(fault['at'])}: {fault['what']}, in the call {fault['correlationId']}")
    refused = {f"refused: {kind.replace('_', ' ')}": count for kind, count in one["refused"].items()}
    again = {"tried again": one["retries"], "failed over": one["failovers"], **refused}
    if told := ", ".join(f"{count} {what}" for what, count in again.items() if count):
        lines.append(told)
    return [f"{one['provider']}: {line}" for line in lines]
