"""Tasks belong to the plugin whose code made them, and end with it.

What a library makes, it makes for whoever called it; what the core makes while it works for a plugin (a connection to a
store that others share) stays the core's.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from inspect import currentframe
from time import monotonic
from typing import TYPE_CHECKING, Any

from aiohttp import web_protocol

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

    from pi_server.server.guard.owners import Owners

_OF_REQUESTS = web_protocol.__file__
"""Where aiohttp makes a task for each request."""

_PATIENCE = 5.0  # seconds that cancelled tasks may take to end
_TELL_EVERY = 60.0

_log = logging.getLogger("pi_server.guard")


class PluginTasks:
    """The live tasks of each plugin; ``leaks`` counts how often a plugin passed the limit."""

    def __init__(self, limit: int, owners: Owners) -> None:
        """Know every task that is made in the running loop from now on."""
        self.leaks: Counter[str] = Counter()
        self._limit = limit
        self._owners = owners
        self._live: dict[str, set[asyncio.Task[Any]]] = {}
        self._told: dict[str, float] = {}
        asyncio.get_running_loop().set_task_factory(self._make)

    def live(self, plugin: str) -> int:
        """How many tasks a plugin has."""
        return len(self._live.get(plugin, ()))

    def part(self, plugin: str) -> set[asyncio.Task[Any]]:
        """Those that live now; tasks made later are another instance's."""
        return self._live.pop(plugin, set())

    def take_back(self, plugin: str, tasks: set[asyncio.Task[Any]]) -> None:
        """Keep what was taken by `part`, as the instance goes on."""
        for task in tasks:
            self._own(plugin, task)

    async def end(self, plugin: str, tasks: set[asyncio.Task[Any]]) -> None:
        """Cancel tasks of a plugin, and wait a while for them."""
        tasks = set(tasks)
        for task in tasks:
            task.cancel()
        if not tasks:
            return
        _, left = await asyncio.wait(tasks, timeout=_PATIENCE)
        if left:
            _log.error("plugin %s holds on to %d of its tasks, which were cancelled", plugin, len(left))

    def _make(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **given: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, **given)
        code = getattr(work, "cr_code", None)
        if code and code.co_filename == _OF_REQUESTS:  # the core's; looking at the stack is dear
            return task
        made = currentframe()
        if owner := self._owners.nearest(made and made.f_back):
            self._own(owner, task)
        return task

    def _own(self, plugin: str, task: asyncio.Task[Any]) -> None:
        tasks = self._live.setdefault(plugin, set())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if len(tasks) > self._limit:
            self._alarm(plugin, len(tasks))

    def _alarm(self, plugin: str, count: int) -> None:
        now = monotonic()
        if now - self._told.get(plugin, -_TELL_EVERY) < _TELL_EVERY:
            return
        self._told[plugin] = now
        self.leaks[plugin] += 1
        _log.error("plugin %s has %d tasks that have not ended: it may be leaking them", plugin, count)
