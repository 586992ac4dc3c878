"""How it is told why plugins are not served."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from pi_server.config.masks import one_line

if TYPE_CHECKING:
    from pi_server.discovery.plugin import Plugin


def failure_lines(plugins: Iterable[Plugin]) -> list[str]:
    """One line for each reason why a plugin is not served; what a plugin raised may repeat a secret."""
    from pi_server.audit.mask import Mask

    shown = Mask().payload
    told = [(plugin.name, replace(one, reason=shown(one.reason))) for plugin in plugins for one in plugin.failures]
    return [one_line(f"{name}: {failure}") for name, failure in told]
