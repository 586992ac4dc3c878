"""``python -m pi_server.cli.probe``: examine one plugin in a process of its own, which may hang or die of it.

Reads an `Order` as JSON from standard input and writes a `Finding` as the last line of standard output.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel

from pi_server.cli.fixes import fix_for
from pi_server.config import LoadedConfig, load
from pi_server.config.overrides import Overrides, opened
from pi_server.discovery.entry_points import discover, only
from pi_server.discovery.gate import check_gate
from pi_server.discovery.importing import import_service
from pi_server.discovery.plugin import Candidate, Failure, PluginError
from pi_server.version import VERSION


class Order(BaseModel):
    """Which plugin to examine; ``limit`` is the time its import may take, in seconds."""

    name: str
    limit: float
    use_config: bool
    config: Path | None
    overrides: Overrides


class Trouble(BaseModel):
    """One reason why a plugin is not served, and what to do about it."""

    reason: str
    fix: str


class Finding(BaseModel):
    """What is known of a plugin after the examination; ``root`` is empty unless the plugin would be served there."""

    name: str
    root: str = ""
    troubles: tuple[Trouble, ...] = ()


def examine(order: Order) -> Finding:
    """Import the plugin, and bind it too if the configuration enables it."""
    installed = discover()
    candidates = installed.get(order.name, [])
    candidate = candidates[0] if candidates else None
    try:
        check_gate(only(order.name, candidates), VERSION)
        import_service(candidates[0], order.limit)
        return _bound(order, candidate)
    except PluginError as error:
        return _troubled(order.name, error.failures, candidate, error.__cause__, installed)


def _troubled(
    name: str,
    failures: tuple[Failure, ...],
    candidate: Candidate | None,
    cause: BaseException | None = None,
    known: dict[str, list[Candidate]] | None = None,
) -> Finding:
    troubles = [Trouble(reason=str(one), fix=fix_for(one, candidate, cause, known or ())) for one in failures]
    return Finding(name=name, troubles=tuple(troubles))


def _bound(order: Order, candidate: Candidate | None) -> Finding:
    """The finding of a start with this plugin alone; a plugin that is not enabled is not bound."""
    loaded = _alone(order)
    if loaded is None:
        return Finding(name=order.name)
    from pi_server.server.rehearsal import rehearse

    plugins = asyncio.run(rehearse(loaded)).plugins
    plugin = next(plugin for plugin in plugins if plugin.name == order.name)
    if plugin.failures:
        return _troubled(order.name, plugin.failures, candidate)
    return Finding(name=order.name, root=plugin.root)


def _alone(order: Order) -> LoadedConfig | None:
    if not order.use_config:
        return None
    loaded = load(order.config, os.environ, opened(order.overrides), services=discover())
    section = loaded.config.services.get(order.name)
    if section is None or not section.enabled:
        return None
    return replace(loaded, config=loaded.config.model_copy(update={"services": {order.name: section}}))


def main() -> None:
    """Examine what standard input asks for; a thread the plugin left behind does not keep the process."""
    finding = examine(Order.model_validate_json(sys.stdin.read()))
    sys.stdout.write(f"\n{finding.model_dump_json()}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
