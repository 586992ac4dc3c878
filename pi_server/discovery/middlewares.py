"""Middlewares other packages offer: found by entry point, built from their own settings.

An entry point of the group ``pi_server.middlewares`` names a callable; its keyword-only parameters are the settings
below ``middlewares.<name>``, and what it returns is a link: ``link(next) -> handler``.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from pi_server.config import Origins, problems_from
from pi_server.discovery.entry_points import discover, only
from pi_server.discovery.fields import mapping_of
from pi_server.discovery.gate import check_gate
from pi_server.discovery.importing import import_object
from pi_server.discovery.plugin import Failure, PluginError
from pi_server.domain.ending import is_ending
from pi_server.version import VERSION

GROUP = "pi_server.middlewares"

Link = Callable[[Any], Any]


def installed_middlewares() -> frozenset[str]:
    """The names under which packages offer middlewares."""
    return frozenset(discover(GROUP))


async def load_middleware(name: str, settings: Mapping[str, Any], origins: Origins) -> Link:
    """The link of that name, built from ``settings``.

    Raises:
        PluginError: it is not installed, claimed twice, made for another pi-server, cannot be imported or refuses its
            settings.
    """
    candidate = only(name, discover(GROUP).get(name, []), "middlewares")
    check_gate(candidate, VERSION)
    make = await asyncio.to_thread(import_object, candidate)
    if not callable(make):
        raise PluginError(Failure("import", candidate.value, "is not callable"))
    return _built(name, make, settings, origins)


def _built(name: str, make: Callable[..., Any], settings: Mapping[str, Any], origins: Origins) -> Link:
    try:
        given = _settings_of(make).validate_python(dict(settings))
        link = make(**given)
    except ValidationError as error:
        problems = problems_from(error, ("middlewares", name), origins)
        raise PluginError(*(Failure("bind", p.path, f"{p.reason} ({p.origin})") for p in problems)) from error
    except BaseException as error:  # even a SystemExit takes down only what stands behind it
        if is_ending(error):
            raise
        raise PluginError(Failure("bind", f"middlewares.{name}", f"{type(error).__name__}: {error}")) from error
    if not callable(link):
        raise PluginError(Failure("bind", f"middlewares.{name}", "did not give a link: link(next) -> handler"))
    return cast("Link", link)


def _settings_of(make: Callable[..., Any]) -> TypeAdapter[dict[str, Any]]:
    """The keyword-only parameters as a mapping."""
    asked = [
        parameter
        for parameter in inspect.signature(make, eval_str=True).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    kinds = {parameter.name: parameter.annotation for parameter in asked}
    return mapping_of(kinds, frozenset(p.name for p in asked if p.default is not inspect.Parameter.empty))
