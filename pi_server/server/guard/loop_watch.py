"""Who holds up the event loop: a thread looks at the loop's own thread while it is still held up.

The loop shows that it turns by a timer, so a request costs nothing.  What holds up the whole process (a debugger, a
machine that sleeps or is busy) is nobody's doing: the watching thread was late itself, and no processor was used.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import sys
import threading
from collections import Counter, deque
from dataclasses import dataclass
from time import monotonic, process_time
from typing import TYPE_CHECKING

from pi_server.server.guard.owners import CORE, Owners, outwards

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi_server.config.guard_section import GuardSection

_MINUTE = 60.0
_SHOWN = 8  # places of a stack in a line
_IN_A_BLINK = 0.1  # the longest time between two looks, in seconds

_log = logging.getLogger("pi_server.guard")


@dataclass(frozen=True, slots=True)
class Blocking:
    """Where the loop stood still: ``plugin`` is empty where no plugin's code was running."""

    plugin: str
    place: str
    stack: str


class LoopWatch:
    """Watches the running loop from a daemon thread, until it is stopped.

    ``blockings`` counts by plugin, and under an empty name what no plugin did.  ``on_blocking`` is called in the loop,
    after it, with the plugin's name; ``on_stall`` in the thread, when the loop has been given up.
    """

    def __init__(self, section: GuardSection, owners: Owners) -> None:
        """Begin at once; ``owners`` know whose code is whose."""
        self.blockings: Counter[str] = Counter()
        self.on_blocking: Callable[[str], None] = _nobody
        self.on_stall: Callable[[], None] | None = None
        self._section = section
        self._owners = owners
        self._every = min(section.blocked / 2, _IN_A_BLINK)
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._told: dict[str, tuple[float, int]] = {}  # by place: when, and how often since without a line
        self._stopped = threading.Event()
        self._beaten = monotonic()
        self._timer = self._loop.call_later(self._every, self._beat)
        self._thread = threading.Thread(target=self._watch, name="loop watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        self._timer.cancel()

    def _beat(self) -> None:
        self._beaten = monotonic()
        self._timer = self._loop.call_later(self._every, self._beat)

    def _watch(self) -> None:
        pause, begun, lost = _Pause(self._stopped), 0.0, 0.0
        while True:
            before = pause.lost
            if pause.ends(self._every):
                return
            if begun != self._beaten:
                begun, lost = self._beaten, before
            if monotonic() - begun - (pause.lost - lost) > self._section.blocked + self._every:
                self._look(pause, begun, lost)

    def _look(self, pause: _Pause, begun: float, lost: float) -> None:
        """See who it is, wait for the end of it, and tell."""
        blocking = self._sample()
        stalled = False
        while self._beaten == begun and not pause.ends(self._every / 4):
            seconds = monotonic() - begun - (pause.lost - lost)
            if not stalled and seconds > self._section.stalled:
                stalled = True
                self._give_up(blocking, seconds)
        if self._beaten != begun:
            self._tell(blocking, self._beaten - begun - self._every - (pause.lost - lost))

    def _sample(self) -> Blocking:
        now = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - documented, and the only way
        frames = list(outwards(now.get(self._watched)))
        theirs = [frame for frame in frames if self._owners.of(frame.f_code.co_filename)]
        places = [f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}" for frame in frames]
        at = theirs[0] if theirs else frames[0] if frames else None
        return Blocking(
            plugin=self._owners.of(theirs[0].f_code.co_filename) or CORE if theirs else CORE,
            place=f"{at.f_code.co_filename}:{at.f_lineno}" if at else "nowhere",
            stack=" < ".join(places[:_SHOWN]),
        )

    def _tell(self, blocking: Blocking, seconds: float) -> None:
        """One line for a place and a minute; what comes meanwhile is counted."""
        self.blockings[blocking.plugin] += 1
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.on_blocking, blocking.plugin)
        at, silent = self._told.get(blocking.place, (-_MINUTE, 0))
        if monotonic() - at < _MINUTE:
            self._told[blocking.place] = (at, silent + 1)
            return
        self._told[blocking.place] = (monotonic(), 0)
        before = f", and {silent} times since it was last told" if silent else ""
        _log.warning(
            "%s blocked the event loop for %.2f s at %s%s: %s",
            _named(blocking.plugin),
            seconds,
            blocking.place,
            before,
            blocking.stack,
        )

    def _give_up(self, blocking: Blocking, seconds: float) -> None:
        if self.on_stall is not None:  # if even a line cannot be written, the process ends all the same
            last = threading.Timer(1.0, self.on_stall)
            last.daemon = True
            last.start()
        fate = "the worker ends, to be replaced" if self.on_stall else "nobody would replace this process"
        _log.error(
            "%s has blocked the event loop for %.0f s at %s; %s: %s",
            _named(blocking.plugin),
            seconds,
            blocking.place,
            fate,
            blocking.stack,
        )
        faulthandler.dump_traceback(2)
        if self.on_stall is not None:
            self.on_stall()


class _Pause:
    """The pauses of the watching thread; ``lost`` are the seconds in which nothing of the process ran."""

    def __init__(self, stopped: threading.Event) -> None:
        self.lost = 0.0
        self._stopped = stopped
        self._at, self._used = monotonic(), process_time()

    def ends(self, seconds: float) -> bool:
        """Wait so long, and tell whether there is nothing to watch any more."""
        stopped = self._stopped.wait(seconds)
        at, used = monotonic(), process_time()
        late = at - self._at - seconds
        if used - self._used < late / 2:
            self.lost += late
        self._at, self._used = at, used
        return stopped


class Often:
    """Whether something happened too often within a minute."""

    def __init__(self, limit: int) -> None:
        """At most ``limit - 1`` times; 0 for any number."""
        self._limit = limit
        self._times: dict[str, deque[float]] = {}

    def once_more(self, name: str) -> bool:
        """Count ``name``, and tell whether that was too often."""
        if not self._limit:
            return False
        times = self._times.setdefault(name, deque(maxlen=self._limit))
        times.append(monotonic())
        return len(times) == self._limit and times[-1] - times[0] < _MINUTE


def _nobody(_: str) -> None:
    return None


def _named(plugin: str) -> str:
    return f"plugin {plugin}" if plugin else "no plugin, but something else,"
