"""The composition root: the one place that knows every room.  Read it from top to bottom."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pi_server.discovery.bind import Binder
from pi_server.discovery.load import Given, load_plugins
from pi_server.discovery.plugin import Failure, Plugin, PluginError
from pi_server.domain.chain import Chain
from pi_server.domain.connections import ConnectionLimits, Connections
from pi_server.domain.ending import is_ending
from pi_server.domain.envelope import ENVELOPES
from pi_server.domain.measured import Tallies
from pi_server.domain.readiness import Readiness
from pi_server.domain.service import Service
from pi_server.domain.standing import Standing
from pi_server.domain.turn import Turn
from pi_server.server.alerts import Alerts
from pi_server.server.capabilities import capabilities
from pi_server.server.certificates import Certificates
from pi_server.server.inbound import Foreign, check_chains, inbound, load_foreign, token_guard
from pi_server.server.logs import Logs
from pi_server.server.outbound import Outbound
from pi_server.server.store_watch import watch_stores
from pi_server.server.stores import ledger, open_stores
from pi_server.server.trust import build_trust, key_ring
from pi_server.server.twins import Twins
from pi_server.stores.rate_counters import open_rate_counters
from pi_server.web.application import Site
from pi_server.web.core_pages import add_core_pages
from pi_server.web.health import add_health_pages
from pi_server.web.pages.files import read_page_files

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

    from aiohttp import web

    from pi_server.config import LoadedConfig
    from pi_server.domain.mount import Mount
    from pi_server.domain.unforeseen import Unforeseen
    from pi_server.web.endpoint import Handler

LIFESPAN_LIMIT = 10.0
"""Seconds a plugin's lifespans may take to enter, and again to leave."""

_log = logging.getLogger("pi_server.server")


@dataclass(frozen=True, slots=True)
class Server:
    """One assembled worker: what it answers, the links every answer passes, its plugins, and what is to be closed.

    ``turn`` is when it writes: records and provider calls already do.  ``standings`` tell how it stands with each
    provider, by ``service.field``, and ``unforeseen`` what no rule of a service speaks of.  ``tallies`` count requests,
    where metrics are told.  ``logs`` are to be reopened after a rotation.
    """

    application: web.Application
    outer: Chain[Handler]
    turn: Turn
    plugins: tuple[Plugin, ...]
    standings: Mapping[str, Standing]
    logs: Logs
    readiness: Readiness
    unforeseen: Mapping[str, Unforeseen]
    tallies: Tallies | None
    connections: Connections
    _open: AsyncExitStack

    async def close(self) -> None:
        """Leave the services, close the providers, and the logs last."""
        await self._open.aclose()


class PluginsFailed(Exception):  # noqa: N818 - what happened, not an error of this program
    """Raised in strict mode when any enabled plugin cannot be served."""

    def __init__(self, plugins: tuple[Plugin, ...]) -> None:
        super().__init__(f"{len(plugins)} enabled plugins cannot be served")
        self.plugins = plugins


async def assemble(loaded: LoadedConfig, given: Given | None = None) -> Server:
    """Build a server from its configuration; inside the event loop it will run in.

    ``given`` replaces the installed services: tests hand over their own.

    Raises:
        ConfigError: a chain, a key or a store cannot be used as configured.
        PluginsFailed: in strict mode, when a plugin cannot be served.
    """
    config = loaded.config
    check_chains(loaded)
    async with AsyncExitStack() as opened:
        turn = Turn()
        readiness = Readiness()
        logs = Logs(config, turn, readiness, opened)
        stores = await open_stores(config, opened)
        beside(opened, watch_stores(stores, readiness))
        ring = key_ring(config)
        trust = build_trust(config, stores, ring)
        await trust.follow(opened)
        alerts = Alerts(config.alerts)
        opened.push_async_callback(alerts.close)
        outbound = Outbound(opened, Twins(config), logs.api, turn, alerts.tell, logs.decided)
        rates = open_rate_counters(config.stores.keys, config.limits.rates.when_away)
        opened.push_async_callback(rates.close)
        binder = Binder(
            config, loaded.origins, outbound.provider, capabilities(stores, trust, ring, logs.audit), read_page_files
        )
        plugins = tuple(await load_plugins(config, binder, given))
        await _watch(Certificates(outbound, stores.keys, alerts.tell), opened)
        foreign = await _foreign(loaded)
        tallies = Tallies() if config.metrics.port else None
        links = inbound(config, logs.access, trust, rates, foreign, ledger(config, stores, ring), tallies)
        site = Site(links, config.server.envelope)
        outer = links.around(ENVELOPES[config.server.envelope])
        add_core_pages(site, config, outer, token_guard(trust), lambda: mounts_of(plugins), trust.sessions.cookie_name)
        add_health_pages(site, outer.extend(token_guard(trust)), readiness, lambda: _failed(plugins))
        plugins = tuple([await _serve(plugin, site, opened) for plugin in plugins])
        _tell_failures(plugins, strict=config.server.strict)
        return Server(
            site.application(config.server.body_limit),
            outer,
            turn,
            plugins,
            outbound.standings,
            logs,
            readiness,
            outbound.unforeseen,
            tallies,
            Connections(ConnectionLimits(**config.limits.connections.model_dump())),
            opened.pop_all(),
        )


async def _watch(certificates: Certificates, opened: AsyncExitStack) -> None:
    await certificates.look()
    beside(opened, certificates.watch())


async def _foreign(loaded: LoadedConfig) -> Foreign:
    foreign = await load_foreign(loaded)
    for name, failed in foreign.failed.items():
        _log.error("middleware %s cannot be used: %s", name, failed)
    return foreign


def beside(opened: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Have ``work`` go on until ``opened`` is closed."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task})

    opened.push_async_callback(end)


def _failed(plugins: Iterable[Plugin]) -> list[str]:
    return [plugin.name for plugin in plugins if plugin.failures]


async def _serve(plugin: Plugin, site: Site, opened: AsyncExitStack) -> Plugin:
    """The plugin with its operations mounted, or failed with the reason."""
    if plugin.bound is None:
        if plugin.failures and plugin.root:
            site.refuse(plugin.root)
        return plugin
    try:
        async with asyncio.timeout(LIFESPAN_LIMIT), AsyncExitStack() as entered:
            for service in _services(plugin.bound.service):
                await entered.enter_async_context(service.lifespan())
            site.mount(plugin.bound.mounts)
            opened.push_async_callback(_leave, plugin.name, entered.pop_all())
    except BaseException as error:  # whatever a plugin raises takes down only itself
        if is_ending(error):
            raise
        site.refuse(plugin.root)
        return not_served(plugin, error)
    return plugin


async def _leave(name: str, entered: AsyncExitStack) -> None:
    """End a plugin's lifespans; one that raises or hangs does not keep the others from ending."""
    try:
        async with asyncio.timeout(LIFESPAN_LIMIT):
            await entered.aclose()
    except BaseException as error:  # as when it was entered
        if is_ending(error):
            raise
        _log.exception("plugin %s did not end its lifespan", name)


def not_served(plugin: Plugin, error: BaseException) -> Plugin:
    """The plugin as failed in its last phase."""
    if isinstance(error, PluginError):
        return replace(plugin, bound=None, failures=error.failures)
    timed_out = isinstance(error, TimeoutError)
    reason = "did not start within its limit" if timed_out else f"{type(error).__name__}: {error}"
    return replace(plugin, bound=None, failures=(Failure("serve", f"services.{plugin.name}", reason),))


def mounts_of(plugins: Iterable[Plugin]) -> list[Mount]:
    """All operations of those plugins that are served."""
    return [mount for plugin in plugins if plugin.bound for mount in plugin.bound.mounts]


def _services(service: Service) -> list[Service]:
    """A service and all those nested in it, outermost first."""
    found = [service]
    for value in vars(service).values():
        if isinstance(value, Service):
            found += _services(value)
    return found


def _tell_failures(plugins: tuple[Plugin, ...], *, strict: bool) -> None:
    failed = tuple(plugin for plugin in plugins if plugin.failures)
    for plugin in failed:
        for failure in plugin.failures:
            _log.error("plugin %s is not served: %s", plugin.name, failure)
    if failed and strict:
        raise PluginsFailed(failed)
