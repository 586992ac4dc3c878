"""What one worker does about plugins that misbehave: it watches the loop, and ends what they leave behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi_server.server.guard.loop_watch import LoopWatch, Often
from pi_server.server.guard.owners import Owners
from pi_server.server.guard.plugin_tasks import PluginTasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AsyncExitStack

    from pi_server.config.guard_section import GuardSection
    from pi_server.discovery.plugin import Plugin


@dataclass(frozen=True, slots=True)
class Guard:
    """Whose code is whose, who blocks the loop, and whose tasks live."""

    owners: Owners
    watch: LoopWatch
    tasks: PluginTasks

    def close(self) -> None:
        """Watch no more."""
        self.watch.stop()
        asyncio.get_running_loop().set_task_factory(None)


def open_guard(section: GuardSection, plugins: Iterable[Plugin], opened: AsyncExitStack) -> Guard:
    """Guard the running loop against ``plugins`` until ``opened`` is closed."""
    owners = Owners()
    owners.add(plugins)
    guard = Guard(owners, LoopWatch(section, owners), PluginTasks(section.tasks, owners))
    opened.callback(guard.close)
    return guard


def quarantining(section: GuardSection, quarantine: Callable[[str, str], object]) -> Callable[[str], None]:
    """What to do when a plugin blocked the loop: ``quarantine`` it where that was too often."""
    often = Often(section.quarantine)

    def blocked(plugin: str) -> None:
        if plugin and often.once_more(plugin):
            quarantine(plugin, f"it blocked the event loop {section.quarantine} times within a minute")

    return blocked
