"""Every figure a server tells: its name, what it means to an operator, and how those of several workers are joined."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["counter", "histogram", "sum", "most"]
"""What it is, and for those that rise and fall, whether workers are added up or the highest counts."""


class Family(NamedTuple):
    """One figure, for each combination of its labels."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str

    @property
    def lasting(self) -> bool:
        """Whether what a worker counted still counts when it has ended."""
        return self.kind in ("counter", "histogram")


_OPERATION = ("service", "operation", "method")

FAMILIES = (
    Family("requests", "counter", (*_OPERATION, "status", "blame"),
           "Requests that have ended, by status and who is to blame: nobody, consumer, us, provider or operator."),
    Family("request_seconds", "histogram", _OPERATION, "How long requests took, from their headers to their answer."),
    Family("requests_running", "sum", _OPERATION, "Requests that are being served."),
    Family("faults", "counter", (*_OPERATION, "code"),
           "Faults told to consumers by their code, also where the envelope hides the status."),
    Family("exchanges", "counter", ("provider",), "Tries that really went to a provider."),
    Family("exchange_failures", "counter", ("provider", "fault"),
           "Those that failed: unreachable, timeout, malformed, too_large, or a status above 500."),
    Family("exchange_seconds", "histogram", ("provider",), "How long tries at a provider took."),
    Family("exchanges_running", "sum", ("provider",), "Tries that wait for a provider's answer."),
    Family("exchanges_queued", "sum", ("provider",), "Tries that wait for a slot of the bulkhead."),
    Family("decisions", "counter", ("provider", "decision"),
           "What policies decided: retry, failover, queued, waited, refused, probe, opened, closed (decisions.log)."),
    Family("refusals", "counter", ("provider", "policy"),
           "Tries a policy did not let out: breaker_open, queue_full, paced, or timeout (no time was left)."),
    Family("breakers_open", "sum", ("provider", "endpoint"), "Workers that do not ask this endpoint now."),
    Family("unforeseen_faults", "counter", ("service", "provider"),
           "Failures of a provider that no rule of the plugin's faults.yaml speaks of."),
    Family("certificate_end_seconds", "most", ("provider", "key"),
           "When a certificate ends, in seconds since 1970: of several under one key, the first to end."),
    Family("connections", "sum", (), "Connections of consumers that are open."),
    Family("connections_refused", "counter", ("reason",),
           "Connections that were not taken: worker or address has its most, or files run out."),
    Family("connections_timed_out", "counter", ("reason",),
           "Connections that took too long: for headers, or to take an answer (write, or untaken: with others)."),
    Family("connections_vanished", "counter", (), "Consumers that went away before their answer was complete."),
    Family("log_records_lost", "counter", ("log",), "Records that could not be written to a log."),
    Family("spans_lost", "counter", (), "Spans that a collector did not take, or that too many others waited before."),
    Family("workers", "sum", (), "Workers that answered when they were asked for these figures."),
    Family("workers_not_ready", "sum", ("reason",), "Workers that should get no requests, as /readyz tells."),
    Family("plugins_failed", "most", ("plugin",), "1 for an enabled plugin that is not served."),
    Family("memory_bytes", "sum", (), "Resident memory of all workers."),
    Family("memory_most_bytes", "most", (), "Resident memory of the largest worker."),
    Family("files_open_most", "most", (), "Open files of the worker that has the most of them."),
    Family("files_limit", "most", (), "Files that a worker may have open."),
    Family("processor_seconds", "counter", (), "Time of a processor that workers have used."),
    Family("started_seconds", "most", (), "When the youngest worker started, in seconds since 1970."),
    Family("loop_lag_seconds", "most", (), "The longest that an event loop was late in the last quarter of a minute."),
    Family("info", "most", ("version",), "Always 1; which version runs."),
)  # fmt: skip

Value = float | list[float]
"""Of a histogram: the number in each class, not accumulated, and last the sum of the seconds."""

Figures = Mapping[str, list[tuple[list[str], Value]]]
"""What one worker tells, by the name of a family: values with their labels, as JSON can hold them."""

Joined = dict[tuple[str, tuple[str, ...]], Value]
"""The figures of several workers, by family and labels."""


def join(told: list[Any]) -> Joined:
    """The figures of several workers as one."""
    kinds: dict[str, Kind] = {family.name: family.kind for family in FAMILIES}
    joined: Joined = {}
    for figures in told:
        for name, values in figures.items():
            for labels, value in values:
                key = name, tuple(labels)
                joined[key] = _both(kinds[name], joined[key], value) if key in joined else value
    return joined


def _both(kind: Kind, one: Any, other: Any) -> Any:
    match kind:
        case "histogram":
            return [a + b for a, b in zip(one, other, strict=True)]
        case "most":
            return max(one, other)
        case _:
            return one + other


def lasting(figures: Figures) -> dict[str, Any]:
    """What counts even after a worker has ended."""
    return {family.name: figures[family.name] for family in FAMILIES if family.lasting and family.name in figures}
