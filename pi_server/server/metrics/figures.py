"""The figures of this worker, read from where they are counted."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from time import process_time, time
from typing import Any

from pi_server.domain.measured import Tallies, Tally, Times
from pi_server.domain.standing import Standing
from pi_server.server.assembly import Server
from pi_server.server.metrics.families import Figures, Value
from pi_server.version import VERSION

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STARTED = time()

Told = Iterator[tuple[str, list[str], Value]]


def figures_of(server: Server, lag: float) -> Figures:
    """Everything, by family; ``lag`` is by how many seconds the event loop was late."""
    figures: dict[str, list[Any]] = {}
    for part in (_requests(server.tallies or Tallies()), _providers(server), _edges(server), _process(server, lag)):
        for name, labels, value in part:
            figures.setdefault(name, []).append((labels, value))
    return figures


def _requests(tallies: Tallies) -> Told:
    for tally in tallies.all():
        place = [tally.service, tally.operation, tally.method]
        yield "requests_running", place, tally.running
        yield from _ended(tally, place)


def _ended(tally: Tally, place: list[str]) -> Told:
    if not tally.outcomes:
        return
    yield "request_seconds", place, _classes(tally.times)
    for (status, blame), count in tally.outcomes.items():
        yield "requests", [*place, str(status), blame], count
    for code, count in tally.codes.items():
        yield "faults", [*place, code], count


def _classes(times: Times) -> list[float]:
    return [*times.classes, times.seconds]


def _providers(server: Server) -> Told:
    for name, standing in server.standings.items():
        yield "exchanges", [name], standing.exchanges
        yield "exchange_seconds", [name], _classes(standing.times)
        yield "exchanges_running", [name], standing.in_flight
        yield "exchanges_queued", [name], standing.queued
        yield from _troubles(name, standing)
    for service, unforeseen in server.unforeseen.items():
        for shape, count in unforeseen.counts.items():
            yield "unforeseen_faults", [service, shape.provider], count


def _troubles(name: str, standing: Standing) -> Told:
    for fault, count in standing.failures.items():
        yield "exchange_failures", [name, fault], count
    for decided, count in standing.decisions.items():
        yield "decisions", [name, decided], count
    for policy, count in standing.refusals.items():
        yield "refusals", [name, policy], count
    for address, breaker in standing.breakers.items():
        yield "breakers_open", [name, address], int(breaker.state != "closed")
    ends: dict[str, float] = {}
    for certificate in standing.certificates:
        end = certificate.end.timestamp()
        ends[certificate.key] = min(end, ends.get(certificate.key, end))
    for key, end in ends.items():
        yield "certificate_end_seconds", [name, key], end


def _edges(server: Server) -> Told:
    connections = server.connections
    yield "connections", [], connections.open
    yield "connections_vanished", [], connections.vanished
    for refusal, count in connections.refused.items():
        yield "connections_refused", [refusal], count
    for overdue, count in connections.timed_out.items():
        yield "connections_timed_out", [overdue], count
    for log, count in server.logs.lost.items():
        yield "log_records_lost", [log], count
    if server.spans:
        yield "spans_lost", [], server.spans.lost


def _process(server: Server, lag: float) -> Told:
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
    yield "workers", [], 1
    for reason in server.readiness.reasons:
        yield "workers_not_ready", [reason], 1
    for plugin in server.plugins:
        if plugin.failures:
            yield "plugins_failed", [plugin.name], 1
    yield "memory_bytes", [], memory
    yield "memory_most_bytes", [], memory
    yield "files_open_most", [], sum(1 for _ in Path("/proc/self/fd").iterdir())
    yield "files_limit", [], resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield "processor_seconds", [], process_time()
    yield "started_seconds", [], _STARTED
    yield "loop_lag_seconds", [], lag
    yield "info", [VERSION], 1
