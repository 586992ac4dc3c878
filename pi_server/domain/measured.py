"""What became of requests and exchanges, counted where they pass; whoever shows the figures only reads them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pi_server.domain.faults import Fault, ProviderFault, ServiceDisabled

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds of the classes that times are counted in; above the last there is one more."""

CODES = 100
"""Codes of faults that are told apart for one operation; what it makes up beyond them is counted as ``other``."""

_DEPTH = 8  # causes that are looked at

Blame = Literal["nobody", "consumer", "us", "provider", "operator"]
"""Who is to blame for how a request ended."""


def blame_of(fault: Fault) -> Blame:
    """The consumer below 500; the operator who switched a service off; a provider that failed on the way; else us."""
    if fault.status < 500:
        return "consumer"
    if isinstance(fault, ServiceDisabled):
        return "operator"
    error: BaseException | None = fault
    for _ in range(_DEPTH):
        if error is None:
            break
        if isinstance(error, ProviderFault):
            return "provider"
        error = error.__cause__ or error.__context__
    return "us"


class Times:
    """How long something took, each time: so many by class, and all seconds together."""

    __slots__ = ("classes", "seconds")

    def __init__(self) -> None:
        """Begin with none."""
        self.classes = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.classes[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Tally:
    """The requests of one operation: those that run, and by status and blame those that have ended."""

    __slots__ = ("codes", "method", "operation", "outcomes", "running", "service", "times")

    def __init__(self, service: str, operation: str, method: str) -> None:
        """Count for the operation at the path template ``operation``; all are empty for what reaches none."""
        self.service = service
        self.operation = operation
        self.method = method
        self.running = 0
        self.outcomes: dict[tuple[int, Blame], int] = {}
        self.codes: Counter[str] = Counter()
        self.times = Times()

    def ended(self, status: int, blame: Blame, seconds: float) -> None:
        """Count one that ran."""
        self.running -= 1
        outcome = status, blame
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.times.add(seconds)

    def refused(self, code: str) -> None:
        """Count a fault by its code, whatever status it has on the wire."""
        self.codes[code if code in self.codes or len(self.codes) < CODES else "other"] += 1


class Tallies:
    """Those of all operations of one worker; an operation that is mounted again goes on counting."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[tuple[str, str, str], Tally] = {}

    def of(self, service: str = "", operation: str = "", method: str = "") -> Tally:
        """The one of an operation."""
        place = service, operation, method
        return self._known.setdefault(place, Tally(*place))

    def all(self) -> Iterable[Tally]:
        """Each of them."""
        return self._known.values()
