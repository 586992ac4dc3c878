"""A worker as its master sees it, and when the next one may be started in its place."""

import os
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal, NoReturn

from pi_server.server import signals

Status = Literal["starting", "serving", "leaving", "stopping"]

_YOUNG = 10.0
"""A worker that ends within so many seconds of its start might do so again."""

_LONGEST_PAUSE = 30.0
_ALARM = 5, 60.0
"""More than so many ends in so many seconds are more than bad luck."""


class Beat:
    """By which a worker shows that it lives: the time of a file that is only memory, so a full disk is no death."""

    def __init__(self) -> None:
        self._number = os.memfd_create("pi-server-beat")
        os.utime(self._number, (monotonic(), monotonic()))

    def fileno(self) -> int:
        """Its descriptor, for the worker."""
        return self._number

    def last_update(self) -> float:
        """When the worker last showed itself, on the monotonic clock."""
        return os.fstat(self._number).st_mtime

    def close(self) -> None:
        """Let go of it."""
        os.close(self._number)


class Worker:
    """One worker process, in what the arbiter asks of it: ``age``, ``pid``, ``tmp``, ``aborted``, `init_process`."""

    def __init__(self, age: int, slot: int, generation: int, order: int, sockets: Sequence[int]) -> None:
        """``slot`` is its number among the workers; ``order`` and ``sockets`` are descriptors it will inherit."""
        self.age = age
        self.pid = 0
        self.aborted = False
        self.tmp = Beat()
        self.slot = slot
        self.generation = generation
        self.status: Status = "starting"
        self.born = monotonic()
        self._master = os.getpid()  # asked here: in the child it may be gone already
        self._line, self._told = os.pipe()
        os.set_blocking(self._line, False)
        self._lent = (order, self._told, self.tmp.fileno(), *sockets)

    def init_process(self) -> NoReturn:
        """In the child: become a fresh interpreter, so that new code is read and nothing of the master is kept."""
        os.setpgid(0, 0)  # what a terminal sends to everybody is the master's to pass on
        signals.shut_out()
        for number in self._lent:
            os.set_inheritable(number, True)
        numbers = [str(number) for number in (self._master, self.slot, *self._lent)]
        os.execv(sys.executable, [sys.executable, "-P", "-m", "pi_server.server.daemon.worker", *numbers])  # noqa: S606

    def hear(self) -> bytes:
        """The letters it told since the last time."""
        try:
            return os.read(self._line, 64)
        except BlockingIOError:
            return b""

    def started(self, pid: int) -> None:
        """Keep the master's end only."""
        self.pid = pid
        os.close(self._told)

    def close(self) -> None:
        """Let go of what was shared with a worker that has ended."""
        os.close(self._line)
        self.tmp.close()


@dataclass(slots=True)
class Slot:
    """A place for one worker."""

    restarts: int = 0
    _failures: int = 0
    _not_before: float = 0.0

    @property
    def open(self) -> bool:
        """Whether a worker may be started now."""
        return monotonic() >= self._not_before

    def ended(self, worker: Worker) -> float:
        """Note an end nobody asked for; the pause in seconds before the next start: 0, then 1, 2, 4, up to 30."""
        self.restarts += 1
        young = monotonic() - worker.born < _YOUNG
        self._failures = self._failures + 1 if young else 1
        pause = 0.0 if self._failures == 1 else min(2.0 ** (self._failures - 2), _LONGEST_PAUSE)
        self._not_before = monotonic() + pause
        return pause


@dataclass(slots=True)
class Alarm:
    """Raised where workers end more often than they should, until they do not."""

    _ends: deque[float] = field(default_factory=deque[float])

    def ended(self) -> None:
        """Note one more end."""
        self._ends.append(monotonic())

    @property
    def raised(self) -> bool:
        """Whether there were too many of late."""
        most, within = _ALARM
        while self._ends and self._ends[0] < monotonic() - within:
            self._ends.popleft()
        return len(self._ends) > most
