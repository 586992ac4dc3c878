"""``run --sandbox``: stand-ins for the providers of all services that bring some, and a token for this run."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic import ValidationError

from pi_server.auth.service_tokens import digest
from pi_server.config import Config, LoadedConfig, ServiceSection
from pi_server.discovery.entry_points import discover, only
from pi_server.discovery.gate import check_gate
from pi_server.discovery.importing import import_service
from pi_server.discovery.plugin import Candidate, PluginError
from pi_server.domain.faults import details_of
from pi_server.server.sandbox.stand_ins import Answers, StandIn, standing_in
from pi_server.version import VERSION


class SandboxError(Exception):
    """A stand-in cannot start; the text is one sentence that says which and why."""


@dataclass(frozen=True, slots=True)
class Example:
    """An operation and an input that it takes, as a plugin's module ``sandbox`` offers it."""

    service: str
    operation: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Running stand-ins, examples to try, and a token that opens everything for as long as this run."""

    stand_ins: tuple[StandIn, ...]
    examples: tuple[Example, ...]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def overrides(self) -> dict[str, str]:
        """What the configuration is to be loaded with, by dotted keys."""
        overrides = {"tokens.sandbox.sha256": digest(self.token), "tokens.sandbox.scopes": '["*"]'}
        for one in self.stand_ins:
            path = f"services.{one.service}.{one.field}"
            overrides[f"{path}.endpoint"] = one.address
            nobody_else = {"fallbacks": "[]", "auth": "none", "proxy": "none"}
            overrides |= {f"{path}.{key}": value for key, value in nobody_else.items()}
        return overrides


@asynccontextmanager
async def open_sandbox(loaded: LoadedConfig) -> AsyncGenerator[Sandbox]:
    """Run the stand-ins of every enabled service until left.

    A service that cannot be imported has none: the server tells why when it meets it again.

    Raises:
        SandboxError: a stand-in cannot start.
    """
    modules = await asyncio.to_thread(_modules, loaded.config)
    examples = [example for name, module in modules.items() if (example := _example(name, module))]
    async with AsyncExitStack() as opened:
        stand_ins = [
            await _start(opened, name, field, answers, loaded.config.services[name], module)
            for name, module in modules.items()
            for field, answers in getattr(module, "STAND_INS", {}).items()
        ]
        yield Sandbox(tuple(stand_ins), tuple(examples))


def _example(name: str, module: ModuleType) -> Example | None:
    given: Any = getattr(module, "EXAMPLE", None)
    if given is None:
        return None
    try:
        operation, values = given
        return Example(name, str(operation), dict(values))
    except (TypeError, ValueError) as error:
        raise SandboxError(f"{module.__name__}.EXAMPLE must be an operation's name and its input") from error


def _modules(config: Config) -> dict[str, ModuleType]:
    """The modules ``sandbox`` of the enabled services' packages, by service."""
    installed = discover()
    enabled = [name for name, section in config.services.items() if section.enabled]
    found = {name: _module(name, installed.get(name, [])) for name in enabled}
    return {name: module for name, module in found.items() if module}


def _module(name: str, candidates: list[Candidate]) -> ModuleType | None:
    try:
        candidate = only(name, candidates)
        check_gate(candidate, VERSION)
        cls = import_service(candidate)
    except PluginError:
        return None
    package = sys.modules[cls.__module__].__package__
    try:
        return import_module(f"{package}.sandbox") if package and find_spec(f"{package}.sandbox") else None
    except Exception as error:
        raise SandboxError(f"{package}.sandbox cannot be imported: {type(error).__name__}: {error}") from error


async def _start(
    opened: AsyncExitStack, name: str, field: str, answers: Answers, section: ServiceSection, module: ModuleType
) -> StandIn:
    files = Path(module.__file__ or ".").parent
    try:
        given = _section(section.plugin_keys, field)
        return await opened.enter_async_context(standing_in(name, field, answers, given, files))
    except ValidationError as error:
        reason = "; ".join(f"{detail.path}: {detail.reason}" for detail in details_of(error.errors()))
    except (ValueError, OSError, RuntimeError, TypeError) as error:  # RuntimeError: two share a verb and path
        reason = str(error)
    raise SandboxError(f"the stand-in for services.{name}.{field} cannot start: {reason}")


def _section(given: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """The section of ``field``, which names fields of nested services with dots; empty when there is none."""
    name, _, below = field.partition(".")
    found: Any = given.get(name) or {}
    if not isinstance(found, Mapping):
        raise ValueError("its section must be a mapping")
    section = cast("Mapping[str, Any]", found)
    return _section(section, below) if below else section
