"""The composition root: the one place that knows every room.  Read it from top to bottom."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pi_server.auth.service_tokens import ServiceTokens
from pi_server.config import ConfigError, Problem
from pi_server.discovery.bind import Binder, ProviderPlan
from pi_server.discovery.load import Given, load_plugins
from pi_server.discovery.plugin import Failure, Plugin
from pi_server.domain.chain import Chain
from pi_server.domain.consumer import Consumer
from pi_server.domain.envelope import ENVELOPES
from pi_server.domain.service import Service
from pi_server.providers.build import SETTINGS, build_provider
from pi_server.server.logs import open_logs
from pi_server.web.application import Links, Site
from pi_server.web.core_pages import add_core_pages
from pi_server.web.middleware.access_log import access_log
from pi_server.web.middleware.correlation import correlation
from pi_server.web.middleware.recovery import recovery
from pi_server.web.middleware.token import token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from pi_server.audit.api_log import ApiLog
    from pi_server.config import Config, LoadedConfig
    from pi_server.domain.envelope import EnvelopeName
    from pi_server.domain.exchange import Send
    from pi_server.domain.ports import AccessLog
    from pi_server.providers.provider import Provider
    from pi_server.web.endpoint import Handler

LIFESPAN_LIMIT = 10.0
"""Seconds a service's ``lifespan()`` may take to enter."""

_log = logging.getLogger("pi_server.server")


@dataclass(frozen=True, slots=True)
class Server:
    """One assembled worker: what it answers, what it knows of its plugins, and what is to be closed."""

    application: web.Application
    plugins: tuple[Plugin, ...]
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
        ConfigError: a chain names a link that does not exist.
        PluginsFailed: in strict mode, when a plugin cannot be served.
    """
    config = loaded.config
    check_chains(loaded)
    async with AsyncExitStack() as opened:
        logs = open_logs(config.logs, opened)
        binder = Binder(config, loaded.origins, lambda plan: outbound(plan, logs.api, opened))
        plugins = tuple(await load_plugins(config, binder, given))
        links = inbound(config, logs.access)
        site = Site(links, config.server.envelope)
        add_core_pages(
            site,
            config,
            links.outer(config.server.envelope),
            _inner_links(config)["token"],
            lambda: (mount for plugin in plugins if plugin.bound for mount in plugin.bound.mounts),
        )
        plugins = tuple([await _serve(plugin, site, opened) for plugin in plugins])
        _tell_failures(plugins, strict=config.server.strict)
        return Server(site.application(config.server.body_limit), plugins, opened.pop_all())


def check_chains(loaded: LoadedConfig) -> None:
    """Refuse a chain that names an unknown link.

    Raises:
        ConfigError: with every such chain.
    """
    known = sorted(_inner_links(loaded.config))
    problems = [
        Problem(f"chains.{name}", f"unknown link {link!r}; there is {', '.join(known)}", origin)
        for name, links in loaded.config.chains.items()
        for link in links
        if link not in known
        for origin in [str(loaded.origins.get(("chains", name), ""))]
    ]
    if problems:
        raise ConfigError(tuple(problems))


def _inner_links(config: Config) -> Mapping[str, Chain[Handler]]:
    """The links a named chain may be made of."""
    holders = {
        section.sha256.get_secret_value(): Consumer(name=name, scopes=frozenset(section.scopes), kind="token")
        for name, section in config.tokens.items()
    }
    return {"token": Chain(token(ServiceTokens(holders).identify))}


def inbound(config: Config, log: AccessLog | None) -> Links:
    """The inbound chain: correlation, access log and recovery always; then what a named chain adds."""
    first: Chain[Handler] = Chain(correlation(config.correlation_headers))
    if log is not None:
        first = first.append(access_log(log))
    inner = _inner_links(config)

    def outer(envelope: EnvelopeName) -> Chain[Handler]:
        return first.append(recovery(ENVELOPES[envelope]))

    named: dict[str, Chain[Handler]] = {}
    for name, links in config.chains.items():
        chain: Chain[Handler] = Chain()
        for link in links:
            chain = chain.extend(inner[link])
        named[name] = chain
    return Links(outer=outer, named=named)


async def outbound(plan: ProviderPlan, api_log: ApiLog | None, opened: AsyncExitStack) -> Provider:
    """The provider of one field, with the API log innermost in its outbound chain."""
    settings = SETTINGS[plan.kind].model_validate(dict(plan.section))
    links: Chain[Send] = Chain()
    if api_log and plan.api_level != "off":
        links = links.append(api_log.link(plan.api_level, lambda fault: plan.status_map.then(plan.field, fault).status))
    provider = await build_provider(
        settings,
        files=plan.package,
        field_name=plan.field,
        status_map=plan.status_map,
        links=links,
        messages=plan.messages,
    )
    opened.push_async_callback(provider.close)
    return provider


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
            opened.push_async_exit(entered.pop_all())
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises takes down only itself
        site.refuse(plugin.root)
        return not_served(plugin, error)
    return plugin


def not_served(plugin: Plugin, error: Exception) -> Plugin:
    """The plugin as failed in its last phase."""
    timed_out = isinstance(error, TimeoutError)
    reason = "did not start within its limit" if timed_out else f"{type(error).__name__}: {error}"
    return replace(plugin, bound=None, failures=(Failure("serve", f"services.{plugin.name}", reason),))


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
