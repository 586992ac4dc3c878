"""The services of one worker while it runs: begun together, and each ended and begun again without the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pi_server.config import ConfigError
from pi_server.discovery.plugin import Failure, Plugin, PluginError, not_served
from pi_server.domain.ending import is_ending
from pi_server.domain.faults import Fault, ServiceDisabled, ServiceQuarantined
from pi_server.server.control.channel import RefusedError
from pi_server.server.failures import failure_lines
from pi_server.server.guard.worker_guard import Guard, quarantining
from pi_server.server.lives import Life
from pi_server.server.switches import Switch, switches_in, turn

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pi_server.config import Config
    from pi_server.domain.mount import Mount
    from pi_server.server.outbound import Outbound
    from pi_server.web.application import Site

Load = Callable[[str], Awaitable[Plugin]]
"""Makes a service anew, from the configuration as it stands in the file now; raises ConfigError."""

_log = logging.getLogger("pi_server.services")


class Services:
    """Begins, ends and changes the services of a worker; ``plugins`` is what there is now."""

    def __init__(self, config: Config, site: Site, guard: Guard, outbound: Outbound, load: Load) -> None:
        self._config = config
        self._site = site
        self._guard = guard
        self._outbound = outbound
        self._load = load
        guard.watch.on_blocking = quarantining(config.guard, self.quarantine)
        self._plugins: dict[str, Plugin] = {}
        self._lives: dict[str, Life] = {}
        self._mounts: dict[str, tuple[Mount, ...]] = {}  # also of those that were switched off: they answer 503
        self._changing = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Every plugin, as far as it came."""
        return tuple(self._plugins.values())

    @property
    def failed(self) -> list[str]:
        """The names of those that could not begin."""
        return [plugin.name for plugin in self.plugins if plugin.failures]

    @property
    def mounts(self) -> list[Mount]:
        """The operations that are served."""
        return [mount for name in self._lives for mount in self._mounts[name]]

    async def start(self, plugins: Iterable[Plugin]) -> None:
        """Begin all of them; one that cannot is listed with its failure, and the others serve."""
        switches = switches_in(self._data_dir)
        for plugin in plugins:
            self._plugins[plugin.name] = plugin
            switch = switches.get(plugin.name)
            if plugin.bound is not None:
                await self._first(plugin)
            elif plugin.failures and plugin.root:
                self._site.refuse(plugin.root)
            elif switch and not switch.enabled and switch.root:
                self._site.refuse(switch.root, ServiceDisabled)

    async def close(self) -> None:
        """End all, the last one first."""
        for name, life in reversed(self._lives.items()):
            life.tasks |= self._guard.tasks.part(name)
            await life.end()
        if self._ending:
            await asyncio.wait(self._ending)

    async def turn(self, name: str, what: str) -> str:
        """Change one service as its operator asks, and say what holds now.

        Raises:
            RefusedError: it cannot be done; what was, still is.
        """
        changes = {
            "enable": self._enable,
            "disable": self._disable,
            "reload": self._reload,
            "quarantine": self._quarantine,
            "release": self._release,
        }
        if what not in changes:
            raise RefusedError(f"a service can be turned to {', '.join(changes)}")
        if name not in self._plugins:
            raise RefusedError(f"no service is called {name!r}; there is {', '.join(sorted(self._plugins)) or 'none'}")
        async with self._changing:
            return await changes[what](name)

    def told(self) -> list[dict[str, Any]]:
        """How it stands with each service, as JSON."""
        return [self._told(plugin) for plugin in self.plugins]

    def quarantine(self, name: str, reason: str) -> bool:
        """Let no more calls in; False where it is closed already."""
        life = self._lives.get(name)
        if life is None or life.gate.closed is not None:
            return False
        life.gate.closed = ServiceQuarantined
        _log.error("service %s is quarantined: %s", name, reason)
        return True

    @property
    def _data_dir(self) -> Path:
        return self._config.server.data_dir

    async def _first(self, plugin: Plugin) -> None:
        """Begin a service when the server starts."""
        try:
            await self._begin(plugin)
        except PluginError as error:
            self._plugins[plugin.name] = replace(plugin, bound=None, failures=error.failures)
            self._site.refuse(plugin.root)

    async def _begin(self, plugin: Plugin) -> None:
        """Begin an instance, and let it answer instead of the one before; PluginError where it cannot."""
        assert plugin.bound is not None  # noqa: S101 - whoever calls has looked
        name, providers = plugin.name, self._outbound.handed_over(plugin.name)
        life = Life(name, plugin.bound, self._guard.tasks, providers)
        before = self._guard.tasks.part(name)
        try:
            await life.begin()
            self._site.mount(plugin.bound.mounts, life.gate, self._mounts.get(name, ()))
        except BaseException as error:
            life.tasks |= self._guard.tasks.part(name)
            await life.end()
            self._guard.tasks.take_back(name, before)
            if is_ending(error):
                raise
            raise PluginError(*not_served(plugin, error).failures) from error
        self._end(name, before)
        self._lives[name], self._mounts[name], self._plugins[name] = life, plugin.bound.mounts, plugin

    def _end(self, name: str, tasks: set[asyncio.Task[Any]], refused_with: type[Fault] | None = None) -> None:
        """Let the instance that serves finish its calls and end, beside everything else."""
        life = self._lives.pop(name, None)
        if life is None:
            return
        life.tasks |= tasks
        life.gate.closed = refused_with
        task = asyncio.create_task(life.drain(self._config.server.drain), name=f"end of {name}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _enable(self, name: str) -> str:
        if name in self._lives:
            raise RefusedError(f"{name} is served already; pi-server service reload {name} makes it anew")
        said = await self._anew(name)
        self._remember(name, enabled=True)
        return said

    async def _reload(self, name: str) -> str:
        if name not in self._lives:
            raise RefusedError(f"{name} is not served; pi-server service enable {name} begins it")
        return await self._anew(name)

    async def _anew(self, name: str) -> str:
        standings = dict(self._outbound.standings)
        try:
            plugin = await self._load(name)
            if plugin.bound is None:
                raise PluginError(*plugin.failures)
            self._check_root(name, plugin.bound.root)
            self._guard.owners.add([plugin])
            await self._begin(plugin)
        except (ConfigError, PluginError) as error:
            await self._outbound.handed_over(name).aclose()
            self._outbound.standings.clear()
            self._outbound.standings.update(standings)
            wrong = error.problems if isinstance(error, ConfigError) else error.failures
            raise RefusedError("; ".join(map(str, wrong))) from None
        return "serving"

    def _check_root(self, name: str, root: str) -> None:
        for other, life in self._lives.items():
            if other != name and life.bound.root.rstrip("/") == root.rstrip("/"):
                raise PluginError(Failure("bind", f"services.{name}.root", f"{root} belongs to {other} already"))

    async def _disable(self, name: str) -> str:
        if name not in self._lives:
            raise RefusedError(f"{name} is not served")
        self._remember(name, enabled=False)
        self._end(name, self._guard.tasks.part(name), ServiceDisabled)
        self._plugins[name] = replace(self._plugins[name], bound=None, enabled=False)
        return "disabled"

    async def _quarantine(self, name: str) -> str:
        if name in self._lives and not self.quarantine(name, "an operator asked for it"):
            raise RefusedError(f"{name} is quarantined already")
        if name not in self._lives:
            raise RefusedError(f"{name} is not served")
        return "quarantined"

    async def _release(self, name: str) -> str:
        if name not in self._lives or self._lives[name].gate.closed is not ServiceQuarantined:
            raise RefusedError(f"{name} is not quarantined")
        self._lives[name].gate.closed = None
        return "serving"

    def _remember(self, name: str, *, enabled: bool) -> None:
        section = self._config.services.get(name)
        same = section is not None and section.enabled == enabled
        try:
            turn(self._data_dir, name, None if same else Switch(enabled, self._plugins[name].root))
        except OSError as error:
            raise RefusedError(f"it cannot be written down: {error}") from None

    def _told(self, plugin: Plugin) -> dict[str, Any]:
        life = self._lives.get(plugin.name)
        quarantined = life is not None and life.gate.closed is ServiceQuarantined
        return {
            "service": plugin.name,
            "state": "quarantined" if quarantined else plugin.state,
            "running": life.gate.running if life else 0,
            "tasks": self._guard.tasks.live(plugin.name),
            "blockings": self._guard.watch.blockings[plugin.name],
            "leaks": self._guard.tasks.leaks[plugin.name],
            "failures": [line.partition(": ")[2] for line in failure_lines([plugin])],
        }
