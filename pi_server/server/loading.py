"""Plugins as they are loaded: all of them when a server starts, and one of them anew while it runs."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi_server.config import Config, LoadedConfig, Origins, ServiceSection, load
from pi_server.config.sources import COMMAND_LINE
from pi_server.discovery.bind import Binder, BuildCapability, BuildProvider
from pi_server.discovery.entry_points import discover
from pi_server.discovery.load import Given as Services
from pi_server.discovery.load import load_plugin, load_plugins
from pi_server.web.pages.files import read_page_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pi_server.config import Given
    from pi_server.discovery.plugin import Plugin


@dataclass(frozen=True, slots=True)
class Loading:
    """Loads the services that are installed, or those ``given`` in their place."""

    loaded: LoadedConfig
    provider: BuildProvider
    capability: BuildCapability
    given: Services | None

    async def everything(self, config: Config) -> list[Plugin]:
        """Every plugin, as ``config`` has it."""
        return await load_plugins(config, self._binder(config, self.loaded.origins), self.given)

    async def anew(self, name: str) -> Plugin:
        """One plugin, with its section as it stands in the file now.

        Raises:
            ConfigError: the file cannot be used.
        """
        installed = discover() if self.given is None else {}
        config, origins = afresh(self.loaded, name, installed if self.given is None else self.given)
        binder = self._binder(config, origins)
        return await load_plugin(name, config.services[name], installed.get(name, []), binder, self.given or {})

    def _binder(self, config: Config, origins: Origins) -> Binder:
        return Binder(config, origins, self.provider, self.capability, read_page_files)


def afresh(loaded: LoadedConfig, name: str, installed: Collection[str]) -> tuple[Config, Origins]:
    """The configuration as it was, with a fresh section for ``name``, enabled; and where what was read came from.

    Raises:
        ConfigError: the file cannot be used.
    """
    fresh = load(loaded.path, os.environ, dict(_said(loaded.given)), services=installed)
    section = fresh.config.services.get(name, ServiceSection()).model_copy(update={"enabled": True})
    return loaded.config.model_copy(update={"services": {**loaded.config.services, name: section}}), fresh.origins


def _said(given: Given, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """What the command line gave, which no file can tell again."""
    if isinstance(given.value, dict):
        for key, below in given.value.items():
            yield from _said(below, (*path, key))
    elif given.origin == COMMAND_LINE:
        yield ".".join(path), given.value if isinstance(given.value, str) else json.dumps(given.plain())
