"""The moment after which nobody waits any more."""

from math import inf
from typing import NamedTuple


class Deadline(NamedTuple):
    """A point on the event loop's monotonic clock, in seconds; by default it never comes."""

    at: float = inf

    def within(self, seconds: float, now: float) -> "Deadline":
        """The earlier of this deadline and ``seconds`` from ``now``: a part never outlives the whole."""
        end = now + seconds
        return Deadline(end) if end < self.at else self

    def passed(self, now: float) -> bool:
        """Whether ``now`` is at or after the deadline."""
        return now >= self.at


NEVER = Deadline()
