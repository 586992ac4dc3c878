"""The composition root: the one place that knows every room.  Read it from top to bottom."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi_server.domain.chain import Chain
from pi_server.domain.connections import ConnectionLimits, Connections
from pi_server.domain.envelope import ENVELOPES
from pi_server.domain.measured import Tallies
from pi_server.domain.readiness import Readiness
from pi_server.domain.standing import Standing
from pi_server.domain.turn import Turn
from pi_server.server.alerts import Alerts
from pi_server.server.beside import beside
from pi_server.server.capabilities import capabilities
from pi_server.server.certificates import watch_certificates
from pi_server.server.guard.worker_guard import Guard, open_guard
from pi_server.server.inbound import Foreign, check_chains, inbound, load_foreign, measuring, token_guard
from pi_server.server.loading import Loading
from pi_server.server.logs import Logs
from pi_server.server.outbound import Outbound
from pi_server.server.sandbox.twins import Twins
from pi_server.server.services import Services
from pi_server.server.store_watch import watch_stores
from pi_server.server.stores import ledger, open_stores
from pi_server.server.switches import switched, switches_in
from pi_server.server.tracing import open_spans
from pi_server.server.trust import build_trust, key_ring
from pi_server.stores.rate_counters import RateCounters, open_rate_counters
from pi_server.web.application import Site
from pi_server.web.core_pages import add_core_pages
from pi_server.web.health import add_health_pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pi_server.config import Config, LoadedConfig
    from pi_server.discovery.load import Given
    from pi_server.discovery.plugin import Plugin
    from pi_server.domain.unforeseen import Unforeseen
    from pi_server.server.spans import Spans
    from pi_server.web.endpoint import Handler

_log = logging.getLogger("pi_server.server")


@dataclass(frozen=True, slots=True)
class Server:
    """One assembled worker: what it answers, the links every answer passes, its plugins, and what is to be closed.

    ``turn`` is when it writes: records and provider calls already do.  ``standings`` tell how it stands with each
    provider, by ``service.field``, and ``unforeseen`` what no rule of a service speaks of.  ``tallies`` count requests,
    where metrics are told, and ``spans`` sends spans, where somebody takes them.  ``logs`` are to be reopened after a
    rotation.
    """

    answer: Handler
    outer: Chain[Handler]
    turn: Turn
    services: Services
    standings: Mapping[str, Standing]
    logs: Logs
    readiness: Readiness
    unforeseen: Mapping[str, Unforeseen]
    tallies: Tallies | None
    spans: Spans | None
    connections: Connections
    guard: Guard
    _open: AsyncExitStack

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Every plugin, as far as it came."""
        return self.services.plugins

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
    config = switched(loaded.config, switches_in(loaded.config.server.data_dir))
    check_chains(loaded)
    async with AsyncExitStack() as opened:
        turn, readiness = Turn(), Readiness()
        logs = Logs(config, turn, readiness, opened)
        stores = await open_stores(config, opened)
        beside(opened, watch_stores(stores, readiness))
        ring = key_ring(config)
        trust = build_trust(config, stores, ring)
        await trust.follow(opened)
        alerts = _alerts(config, opened)
        spans = open_spans(config.tracing, opened)
        outbound = Outbound(
            opened, Twins(config), logs.api, turn, alerts.tell, logs.decided, spans.record if spans else None
        )
        rates = _rates(config, opened)
        loading = Loading(loaded, outbound.provider, capabilities(stores, trust, ring, logs.audit), given)
        plugins = await loading.everything(config)
        await watch_certificates(outbound, stores.keys, alerts.tell, opened)
        guard = open_guard(config.guard, plugins, opened)
        tallies = Tallies() if config.metrics.port else None
        measure, foreign, once = measuring(tallies, spans), await _foreign(loaded), ledger(config, stores, ring)
        links = inbound(config, logs.access, trust, rates, foreign, once, measure)
        site = Site(links, config.server.envelope)
        outer = links.around(ENVELOPES[config.server.envelope])
        add_core_pages(site, config, outer, token_guard(trust), lambda: services.mounts, trust.sessions.cookie_name)
        add_health_pages(site, outer.extend(token_guard(trust)), readiness, lambda: services.failed)
        services = Services(loaded.config, site, guard, outbound, loading.anew)
        opened.push_async_callback(services.close)
        await services.start(plugins)
        _tell_failures(services.plugins, strict=config.server.strict)
        return Server(
            site.answer,
            outer,
            turn,
            services,
            outbound.standings,
            logs,
            readiness,
            outbound.unforeseen,
            tallies,
            spans,
            Connections(ConnectionLimits(**config.limits.connections.model_dump())),
            guard,
            opened.pop_all(),
        )


def _alerts(config: Config, opened: AsyncExitStack) -> Alerts:
    alerts = Alerts(config.alerts)
    opened.push_async_callback(alerts.close)
    return alerts


def _rates(config: Config, opened: AsyncExitStack) -> RateCounters:
    rates = open_rate_counters(config.stores.keys, config.limits.rates.when_away, config.server.workers or 1)
    opened.push_async_callback(rates.close)
    return rates


async def _foreign(loaded: LoadedConfig) -> Foreign:
    foreign = await load_foreign(loaded)
    for name, failed in foreign.failed.items():
        _log.error("middleware %s cannot be used: %s", name, failed)
    return foreign


def _tell_failures(plugins: tuple[Plugin, ...], *, strict: bool) -> None:
    failed = tuple(plugin for plugin in plugins if plugin.failures)
    for plugin in failed:
        for failure in plugin.failures:
            _log.error("plugin %s is not served: %s", plugin.name, failure)
    if failed and strict:
        raise PluginsFailed(failed)
