"""Looks at all connections of a worker now and then: cheaper than a timer for each, which is set far more often."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from pi_server.domain.connections import Connections
from pi_server.server.connections.connection import Connection

EVERY = 0.5
"""Seconds between two looks, so by how much a limit may be overrun."""

TELL_EVERY = 1.0
"""Seconds between two lines, however much there is to tell."""

_log = logging.getLogger("pi_server.connections")


class Sweep:
    """Ends connections that take too long, and tells what became of connections."""

    def __init__(self, counted: Connections, connections: Callable[[], Iterable[object]]) -> None:
        """Begin to look; needs a running loop."""
        self._loop = asyncio.get_running_loop()
        self._counted = counted
        self._connections = connections
        self._known = self._found()
        self._told = self._loop.time()
        self._next = self._loop.call_later(EVERY, self._look)

    def end(self) -> None:
        """Look no more, and tell what was not told yet."""
        self._next.cancel()
        self._tell()

    def _look(self) -> None:
        self._next = self._loop.call_later(EVERY, self._look)
        now = self._loop.time()
        for connection in self._connections():
            if isinstance(connection, Connection):
                connection.look(now)
        if now - self._told >= TELL_EVERY:
            self._told = now
            self._tell()

    def _tell(self) -> None:
        found = self._found()
        news = found - self._known
        self._known = found
        if not news:
            return
        told = ", ".join(f"{count} {what}" for what, count in news.items())
        refused = any(what.startswith("refused") for what in news)
        _log.log(logging.WARNING if refused else logging.INFO, "connections: %s; last %s", told, self._counted.last)

    def _found(self) -> Counter[str]:
        counted = self._counted
        return Counter(
            {
                **{f"refused ({why})": count for why, count in counted.refused.items()},
                **{f"ended ({what})": count for what, count in counted.timed_out.items()},
                "vanished": counted.vanished,
            }
        )
