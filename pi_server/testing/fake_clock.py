"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime

_BIRTH = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Monotonic and wall time, moved on by hand.

    The clock itself is a monotonic clock: ``clock()`` gives seconds from an arbitrary start.  ``clock.wall`` tells the
    time of day, as seconds since the epoch.  Pass either where a ``clock`` is asked for.
    """

    def __init__(self, now: datetime = _BIRTH) -> None:
        """Start at ``now`` (which names its time zone), with the monotonic clock at 0."""
        if now.tzinfo is None:
            raise ValueError("a time of day needs its time zone")
        self._birth = now.timestamp()
        self._elapsed = 0.0

    def __call__(self) -> float:
        """Monotonic seconds."""
        return self._elapsed

    def wall(self) -> float:
        """Seconds since the epoch."""
        return self._birth + self._elapsed

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.fromtimestamp(self.wall(), UTC)

    def advance(self, seconds: float) -> None:
        """Move both times forward; ValueError for a step back."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._elapsed += seconds
