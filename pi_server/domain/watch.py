"""Ending what takes too long, at the price of a dictionary entry instead of a timer.

``asyncio.timeout`` arms and disarms a timer of the event loop for every use.  Nearly all calls end long before their
deadline, so a watch keeps those that run in a set and looks at them every few milliseconds, as long as there are any.

A watch knows its loop from the start, because asking for the running one is a system call on Python before 3.12.
"""

import asyncio
from types import TracebackType
from typing import Self

from pi_server.domain.deadline import Deadline

TICK = 0.02
"""Seconds between two looks: by so much a deadline may be overstepped."""


class Watch:
    """Watches over the tasks of one event loop."""

    def __init__(self) -> None:
        """Begin with nothing to watch; needs a running loop."""
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time
        self._limits: set[Limit] = set()
        self.looking = False

    def until(self, deadline: Deadline) -> "Limit":
        """``with watch.until(deadline):`` raises TimeoutError in its block once ``deadline`` has passed."""
        return Limit(self, deadline)

    def add(self, limit: "Limit") -> None:
        """Begin to watch; the first one wakes the watch."""
        self._limits.add(limit)
        if not self.looking:
            self.looking = True
            self.loop.call_later(TICK, self._look)

    def discard(self, limit: "Limit") -> None:
        """Watch no longer."""
        self._limits.discard(limit)

    def _look(self) -> None:
        now = self.now()
        for limit in [limit for limit in self._limits if limit.deadline.passed(now)]:
            self._limits.discard(limit)
            limit.expire()
        self.looking = bool(self._limits)
        if self.looking:
            self.loop.call_later(TICK, self._look)


class Limit:
    """A block of one task that has to end before a deadline; cancels the task, and turns that into a TimeoutError."""

    __slots__ = ("_before", "_task", "_watch", "deadline", "expired")

    def __init__(self, watch: Watch, deadline: Deadline) -> None:
        """Prepare; the time counts from the deadline, not from here."""
        self._watch = watch
        self.deadline = deadline
        self.expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._watch.loop)
        if task is None:
            raise RuntimeError("only a task can be limited")
        self._task = task
        self._before = task.cancelling()
        self._watch.add(self)
        return self

    def expire(self) -> None:
        """End the block: its deadline has passed."""
        self.expired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.discard(self)
        if self.expired and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error
