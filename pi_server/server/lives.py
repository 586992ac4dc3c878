"""One instance of a service while it serves: its gate, its lifespans, its tasks, and what was opened for it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from pi_server.domain.ending import is_ending
from pi_server.domain.service import Service
from pi_server.web.gate import Gate

if TYPE_CHECKING:
    from pi_server.discovery.plugin import Bound
    from pi_server.server.guard.plugin_tasks import PluginTasks

LIFESPAN_LIMIT = 10.0
"""Seconds a plugin's lifespans may take to enter, and again to leave."""

_log = logging.getLogger("pi_server.server")


class Life:
    """Enters and leaves the lifespans of a service in one task, as what they hold open may demand."""

    def __init__(self, name: str, bound: Bound, tasks: PluginTasks, providers: AsyncExitStack) -> None:
        """``providers`` are closed last."""
        self.gate = Gate()
        self.bound = bound
        self.tasks: set[asyncio.Task[Any]] = set()
        self._name = name
        self._tasks = tasks
        self._providers = providers
        self._begun = asyncio.Event()
        self._over = asyncio.Event()
        self._failure: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Enter the lifespans; raises whatever they raise, or TimeoutError."""
        self._task = asyncio.create_task(self._live(), name=f"life of {self._name}")
        await self._begun.wait()
        if self._failure is not None:
            raise self._failure

    async def drain(self, limit: float) -> None:
        """Wait for the calls that run, at most ``limit`` seconds, and end."""
        if not await self.gate.emptied(limit):
            _log.warning("plugin %s ends, and %d of its calls still run", self._name, self.gate.running)
        await self.end()

    async def end(self) -> None:
        """Leave the lifespans, end the tasks and close the providers."""
        self._over.set()
        if self._task is not None:
            if not self._begun.is_set():
                self._task.cancel()
            await asyncio.wait([self._task])
        await self._tasks.end(self._name, self.tasks)
        await self._providers.aclose()

    async def _live(self) -> None:
        try:
            async with asyncio.timeout(LIFESPAN_LIMIT), AsyncExitStack() as entering:
                for service in _services(self.bound.service):
                    await entering.enter_async_context(service.lifespan())
                entered = entering.pop_all()
        except BaseException as error:  # whatever a plugin raises takes down only itself
            if is_ending(error):
                raise
            self._failure = error
            return
        finally:
            self._begun.set()
        try:
            await self._over.wait()
        finally:
            await self._leave(entered)

    async def _leave(self, entered: AsyncExitStack) -> None:
        """Leave; one that raises or hangs does not keep the others from ending."""
        try:
            async with asyncio.timeout(LIFESPAN_LIMIT):
                await entered.aclose()
        except BaseException as error:  # as when it was entered
            if is_ending(error):
                raise
            _log.exception("plugin %s did not end its lifespan", self._name)


def _services(service: Service) -> list[Service]:
    """A service and all those nested in it, outermost first."""
    found = [service]
    for value in vars(service).values():
        if isinstance(value, Service):
            found += _services(value)
    return found
