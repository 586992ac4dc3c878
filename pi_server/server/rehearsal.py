"""What a start does up to mounting, without logs, lifespans or sockets: for ``check``, ``routes`` and ``plugin``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi_server.audit.access_audit import AccessAudit
from pi_server.audit.writer import Stream
from pi_server.config import placing
from pi_server.discovery.bind import Binder
from pi_server.discovery.load import load_plugins
from pi_server.discovery.plugin import Plugin, PluginError, mounts_of, not_served
from pi_server.server.capabilities import capabilities
from pi_server.server.consumer_tls import consumer_tls
from pi_server.server.inbound import Foreign, check_chains, inbound, load_foreign
from pi_server.server.outbound import Outbound
from pi_server.server.sandbox.twins import Twins
from pi_server.server.stores import ledger, rehearsed_stores
from pi_server.server.tracing import spans_kind
from pi_server.server.trust import build_trust, key_ring
from pi_server.stores.rate_counters import open_rate_counters
from pi_server.web.application import Links, Site, chain_of
from pi_server.web.pages.files import read_page_files

if TYPE_CHECKING:
    from pi_server.config import LoadedConfig
    from pi_server.domain.mount import Mount
    from pi_server.domain.ports import Access


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The plugins as they would be served, and the links their operations would stand behind."""

    plugins: tuple[Plugin, ...]
    failed_middlewares: Mapping[str, PluginError]
    warnings: tuple[str, ...]
    _chains: Mapping[str, list[str]]

    @property
    def failed(self) -> tuple[Plugin, ...]:
        """The enabled plugins that would not be served."""
        return tuple(plugin for plugin in self.plugins if plugin.failures)

    @property
    def mounts(self) -> list[Mount]:
        """All operations, in the order of the configuration."""
        return mounts_of(self.plugins)

    def links(self, mount: Mount) -> list[str]:
        """The names of all links a request to an operation passes, outermost first."""
        return self._chains[_place(mount)]


async def rehearse(loaded: LoadedConfig) -> Rehearsal:
    """Import, bind and mount every enabled plugin, and let go of all of it again.

    Raises:
        ConfigError: a chain or a key cannot be used as configured.
    """
    config = loaded.config
    check_chains(loaded)
    async with AsyncExitStack() as opened:
        opened.enter_context(placing(loaded.origins))
        consumer_tls(config.server)
        spans_kind(config.tracing)
        stores = await rehearsed_stores(config, opened)
        ring = key_ring(config, make=False)
        trust = build_trust(config, stores, ring)
        opened.callback(trust.passwords.close)
        heard = None if config.logs.access.output == "off" else _Unheard()
        foreign = await load_foreign(loaded)
        links = inbound(config, heard, trust, open_rate_counters("memory"), foreign, ledger(config, stores, ring))
        site = Site(links, config.server.envelope)
        give = capabilities(stores, trust, ring, lambda: AccessAudit(Stream(-1)))  # nothing is served, nothing told
        outbound = Outbound(opened, Twins(config))
        binder = Binder(config, loaded.origins, outbound.provider, give, read_page_files)
        plugins = tuple([_mounted(plugin, site) for plugin in await load_plugins(config, binder)])
        chains = {_place(mount): _names(mount, links, foreign) for mount in mounts_of(plugins)}
        return Rehearsal(plugins, foreign.failed, tuple(outbound.warnings()), chains)


def _mounted(plugin: Plugin, site: Site) -> Plugin:
    try:
        site.mount(plugin.bound.mounts if plugin.bound else ())
    except Exception as error:  # noqa: BLE001 - whatever a plugin's signatures raise is a finding
        return not_served(plugin, error)
    return plugin


class _Unheard:
    """An access log nobody reads."""

    def record(self, access: Access, /) -> None:
        """Drop it."""


def _place(mount: Mount) -> str:
    return f"{mount.operation.service}.{mount.operation.name}"


def _names(mount: Mount, links: Links, foreign: Foreign) -> list[str]:
    """Found out within the event loop, which some links are made for."""
    return [foreign.name(link) or _name(link) for link in chain_of(mount, links).links]


def _name(link: object) -> str:
    """What a link is called: the function or class that made it."""
    return str(getattr(link, "__qualname__", type(link).__name__)).partition(".<locals>")[0]
