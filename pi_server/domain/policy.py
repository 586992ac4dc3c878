"""What protects the server from one provider, as frozen numbers.  All times are seconds."""

from dataclasses import dataclass

from pi_server.domain.faults import ProviderFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and when a failed try is followed by another.

    At most ``times`` more tries, of a message that is not repeatable only where ``unsent`` says so.  Before the first
    is a random pause of up to ``pause``, before each further one of up to twice as long as before, never more than
    ``longest``.  Answers with one of ``statuses`` count as failed.
    """

    times: int
    unsent: bool
    pause: float
    longest: float
    statuses: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When an endpoint is not asked any more.

    It opens once, within ``window``, failures outnumber successes by ``failures``; then one exchange each ``probe``
    finds out whether the endpoint is well again.  Failures are faults of these ``kinds`` and answers with these
    ``statuses``.
    """

    failures: int
    window: float
    probe: float
    kinds: frozenset[ProviderFailure]
    statuses: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkheadPolicy:
    """How many exchanges run at once, how many more may wait for that, and how long."""

    in_flight: int
    queue: int
    wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PacePolicy:
    """The provider's quota: no more than ``requests`` in any ``period``."""

    requests: int
    period: float
