"""How it stands with one provider: what an operator asks at night, and what metrics count."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Literal, NamedTuple, Protocol

from pi_server.domain.alert import Alert, unheard
from pi_server.domain.certificate import Certificate
from pi_server.domain.decision import Decided, Decision, unnoted
from pi_server.domain.exchange import Endpoint
from pi_server.domain.faults import ProviderFailure, Refused
from pi_server.domain.measured import Times

RECENT = 500
"""Exchanges whose times are remembered."""

BreakerState = Literal["closed", "open", "half_open", "held_open"]


class Opened(NamedTuple):
    """Since when (seconds since the epoch) an endpoint is not asked as a rule, and why."""

    at: float
    why: str


class Breaker(Protocol):
    """The breaker of one endpoint, as operators see and work it; ``opened`` is None while it is closed."""

    opened: Opened | None

    @property
    def state(self) -> BreakerState:
        """Whether the endpoint is asked; ``held_open`` is open by hand."""
        ...

    def open(self) -> None:
        """Ask the endpoint no more, until `close`."""
        ...

    def close(self) -> None:
        """Ask the endpoint again, with its failures forgotten."""
        ...


class LastFault(NamedTuple):
    """The last failed exchange: when (seconds since the epoch), how, and in which call, to find its line in the log."""

    at: float
    what: str
    correlation_id: str


@dataclass(slots=True)
class Standing:
    """Counters of one provider in this worker; its policies write them, and whoever shows them only reads.

    ``endpoint`` is its first, and tells its name.  ``in_flight`` are the exchanges that run now, ``queued`` those that
    wait for a slot; of all ``exchanges`` so many ``failed``, of which ``failures`` tells how.  ``times`` are of all
    exchanges, ``latencies`` of the last ones.  ``breakers`` are known by the address of their endpoint.
    ``alert`` hears of what an operator should hear of, ``note`` of all ``decisions``.  ``certificates`` are those it is
    reached with, and ``cautions`` what is to be said of it always.
    """

    endpoint: Endpoint
    in_flight: int = 0
    queued: int = 0
    exchanges: int = 0
    failed: int = 0
    failures: Counter[str] = field(default_factory=Counter[str])
    retries: int = 0
    failovers: int = 0
    decisions: Counter[Decided] = field(default_factory=Counter[Decided])
    refusals: Counter[ProviderFailure] = field(default_factory=Counter[ProviderFailure])
    last_fault: LastFault | None = None
    breakers: dict[str, Breaker] = field(default_factory=dict[str, Breaker])
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    times: Times = field(default_factory=Times)
    wall: Callable[[], float] = time.time
    alert: Callable[[Alert], None] = unheard
    note: Callable[[Decision], None] = unnoted
    certificates: tuple[Certificate, ...] = ()
    cautions: tuple[str, ...] = ()

    def go_on(self, before: "Standing") -> None:
        """Count on from another, whose last exchanges may still be under way."""
        self.exchanges, self.failed = before.exchanges, before.failed
        self.retries, self.failovers = before.retries, before.failovers
        self.failures, self.refusals, self.decisions = before.failures, before.refusals, before.decisions
        self.times, self.last_fault = before.times, before.last_fault

    def decide(self, decided: Decided, reason: str, correlation_id: str = "") -> None:
        """Count what a policy decided, and have it noted."""
        self.decisions[decided] += 1
        self.note(Decision(self.endpoint.name, decided, reason, correlation_id))

    def refused(
        self, kind: ProviderFailure, reason: str, correlation_id: str = "", *, retry_after: float | None = None
    ) -> Refused:
        """The fault to raise for an exchange that is not let out; it is counted."""
        self.refusals[kind] += 1
        self.decide("refused", f"{kind}: {reason}", correlation_id)
        return Refused(kind, reason, retry_after=retry_after)

    def took(self, seconds: float) -> None:
        """Count how long an exchange took."""
        self.latencies.append(seconds)
        self.times.add(seconds)

    def fail(self, what: str, correlation_id: str) -> None:
        """Count a failed exchange."""
        self.failed += 1
        self.failures["status" if what.startswith("status ") else what] += 1
        self.last_fault = LastFault(self.wall(), what, correlation_id)

    def warnings(self, now: datetime) -> list[str]:
        """What an operator should know, even if nothing fails; each begins with the key it is about."""
        return [*self.cautions, *filter(None, (one.warning(now) for one in self.certificates))]

    def latency(self, share: float) -> float | None:
        """The seconds that this share of the last exchanges took at most (0.5: the median); None before the first."""
        ordered = sorted(self.latencies)
        return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None
