"""Every plugin from discovery to mounted operations, each on its own."""

import asyncio
from collections.abc import Mapping

from pi_server.config import Config, ServiceSection
from pi_server.discovery.bind import Binder
from pi_server.discovery.entry_points import discover, only
from pi_server.discovery.gate import check_gate
from pi_server.discovery.importing import import_service
from pi_server.discovery.plugin import Candidate, Failure, Plugin, PluginError, told
from pi_server.domain.service import Service
from pi_server.version import VERSION

Given = Mapping[str, type[Service] | Service]
"""Services by name that are handed over instead of installed, as classes or as instances, which need no binding."""


async def load_plugins(config: Config, binder: Binder, given: Given | None = None) -> list[Plugin]:
    """One `Plugin` for each service installed or configured: configured ones first, in the order of the file.

    Of two services with equal roots the first keeps it.  Nothing a plugin does is raised here.  With ``given``, those
    services are the only ones there are.
    """
    installed = discover() if given is None else {}
    plugins = [
        await load_plugin(name, section, installed.get(name, []), binder, given or {})
        for name, section in config.services.items()
    ]
    rest = [name for name in installed if name not in config.services]
    plugins += [Plugin(name=name, enabled=False, candidate=installed[name][0]) for name in rest]
    return _without_equal_roots(plugins)


async def load_plugin(
    name: str, section: ServiceSection, candidates: list[Candidate], binder: Binder, given: Given
) -> Plugin:
    """One of them, from its section, whatever the others are."""
    candidate = candidates[0] if candidates else None
    if not section.enabled:
        return Plugin(name=name, enabled=False, candidate=candidate)
    root = section.root or ""
    try:
        service = given[name] if name in given else await _installed(name, candidates)
        root = root or service.root
        bound = await binder.bind(name, service, section)
    except PluginError as error:
        return Plugin(name=name, enabled=True, candidate=candidate, root=root, failures=error.failures)
    except Exception as error:  # noqa: BLE001 - a declaration can fail in any way when it is first looked at
        module = candidate.value if candidate else ""
        failure = Failure("bind", f"services.{name}", told(error, module))
        return Plugin(name=name, enabled=True, candidate=candidate, root=root, failures=(failure,))
    return Plugin(name=name, enabled=True, candidate=candidate, bound=bound, root=bound.root)


async def _installed(name: str, candidates: list[Candidate]) -> type[Service]:
    candidate = only(name, candidates)
    check_gate(candidate, VERSION)
    return await asyncio.to_thread(import_service, candidate)


def _without_equal_roots(plugins: list[Plugin]) -> list[Plugin]:
    owners: dict[str, str] = {}
    return [_checked(plugin, owners) for plugin in plugins]


def _checked(plugin: Plugin, owners: dict[str, str]) -> Plugin:
    """The plugin as it is, or failed where another one before it has its root."""
    if plugin.bound is None:
        return plugin
    root = plugin.bound.root.rstrip("/") or "/"
    owner = owners.setdefault(root, plugin.name)
    if owner == plugin.name:
        return plugin
    failure = Failure("bind", f"services.{plugin.name}.root", f"{root} belongs to {owner} already")
    # without a root: what lies below it is not its own to refuse
    return Plugin(name=plugin.name, enabled=True, candidate=plugin.candidate, failures=(failure,))
