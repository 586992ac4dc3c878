"""From a service class and its section of the configuration to an instance with bound operations."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from pi_server.config import ApiLevel, Config, Origins, Problem, ServiceSection, problems_from
from pi_server.discovery.fault_rules import load_status_map
from pi_server.discovery.fields import ServiceFields, fields_of, messages_beside
from pi_server.discovery.mounting import Mounting
from pi_server.discovery.once import has_once
from pi_server.discovery.plugin import Bound, Failure, PluginError, told
from pi_server.domain.capability import CapabilityPlan
from pi_server.domain.ending import is_ending
from pi_server.domain.message import Message
from pi_server.domain.mount import Mount
from pi_server.domain.pages import PageFiles, PageFilesError
from pi_server.domain.ports import ProviderKind
from pi_server.domain.service import Service
from pi_server.domain.status_map import StatusMap


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """Everything needed to build the provider of one field; ``section`` is not validated yet.

    ``module`` is the package's name; ``messages`` are those that only this provider can be meant for, to be checked
    before the first call.  ``once`` says that an operation of the plugin must happen only once, so that it counts what
    was sent to this provider.
    """

    kind: ProviderKind
    service: str
    field: str
    section: Mapping[str, Any]
    package: Path
    module: str
    status_map: StatusMap
    api_level: ApiLevel
    messages: tuple[type[Message[Any]], ...]
    once: bool


BuildProvider = Callable[[ProviderPlan], Awaitable[Any]]
"""Builds the provider of a plan; raises ValueError (pydantic's ValidationError is one) or OSError."""


BuildCapability = Callable[[CapabilityPlan], Any]
"""Gives what a field wishes for; raises ValueError when the server cannot."""


ReadPageFiles = Callable[[Path], PageFiles]
"""Reads what the pages of a package are made from; raises PageFilesError or OSError."""


class Binder:
    """Binds services: holds the configuration, where its values came from, and how providers and the rest are built."""

    def __init__(
        self,
        config: Config,
        origins: Origins,
        build_provider: BuildProvider,
        build_capability: BuildCapability,
        read_page_files: ReadPageFiles,
    ) -> None:
        """Keep what all services share."""
        self._config = config
        self._origins = origins
        self._build = build_provider
        self.capability = build_capability
        self._read_page_files = read_page_files

    async def bind(self, name: str, service: type[Service] | Service, section: ServiceSection) -> Bound:
        """The instance of a class for ``services.<name>``, or the instance given, with all its operations.

        Raises:
            PluginError: with everything in the section, the package's files or the declarations that cannot be used.
        """
        failures: list[Failure] = []
        cls = service if isinstance(service, type) else type(service)
        package = Path(sys.modules[cls.__module__].__file__ or ".").parent
        status_map = load_status_map(package, cls, failures)
        if isinstance(service, type):
            level = section.api_level or self._config.logs.api_level
            once = has_once(service)
            filling = _Filling(name, section.realm or name, level, package, status_map, once, self, failures)
            bound = await filling.service(cls, ("services", name), section.plugin_keys)
        else:
            bound = service
            failures += [_already_bound(name, key) for key in section.plugin_keys]
        if bound is None:
            raise PluginError(*failures)
        mounting = Mounting(self._config, name, section, bound)
        mounts = tuple(replace(mount, rules=status_map.faults) for mount in mounting.mounts())
        failures += [Failure("bind", path, reason) for path, reason in mounting.problems(mounts)]
        mounts = self._with_files(mounts, package, failures)
        if failures:
            raise PluginError(*failures)
        return Bound(bound, mounting.root, mounts, status_map)

    def _with_files(self, mounts: tuple[Mount, ...], package: Path, failures: list[Failure]) -> tuple[Mount, ...]:
        """The operations, those that are pages with what they are made from."""
        if not any(mount.operation.page for mount in mounts):
            return mounts
        try:
            files = self._read_page_files(package)
        except PageFilesError as error:
            failures += [Failure("bind", place, reason) for place, reason in error.problems]
            return mounts
        return tuple(replace(mount, files=files) if mount.operation.page else mount for mount in mounts)

    async def build(self, plan: ProviderPlan) -> Any:
        """The provider of ``plan``."""
        return await self._build(plan)

    def failures(self, error: ValidationError, path: tuple[str, ...], known: tuple[str, ...] = ()) -> list[Failure]:
        """A model's verdict on the section at ``path``."""
        return [_failure(problem) for problem in problems_from(error, path, self._origins, known)]


def _failure(problem: Problem) -> Failure:
    """A configuration problem as a failure of the bind phase."""
    meant = f"; did you mean {problem.suggestion}?" if problem.suggestion else ""
    return Failure("bind", problem.path, f"{problem.reason} ({problem.origin}){meant}")


def _already_bound(name: str, key: str) -> Failure:
    return Failure("bind", f"services.{name}.{key}", "cannot be set: the service was given as an instance")


@dataclass(frozen=True, slots=True)
class _Filling:
    """Fills the fields of one plugin's services; failures are collected so that all are told at once."""

    name: str
    realm: str
    api_level: ApiLevel
    package: Path
    status_map: StatusMap
    once: bool
    binder: Binder
    failures: list[Failure]

    async def service(self, cls: type[Service], path: tuple[str, ...], given: Mapping[str, Any]) -> Service | None:
        """An instance of ``cls`` filled from ``given``, or None after a failure."""
        before = len(self.failures)
        known = fields_of(cls)
        values = self._plain(known, path, given)
        for name in known.providers:
            if name in given or name not in known.optional:
                values[name] = await self._provider(cls, known.providers[name], (*path, name), given.get(name))
        for name, wish in known.capabilities.items():
            field = ".".join((*path, name)[2:])  # without services.<name>
            values[name] = self._capability(CapabilityPlan(wish=wish, service=self.name, field=field, realm=self.realm))
        for name, inner in known.nested.items():
            section: Any = given.get(name) or {}
            values[name] = await self.service(inner, (*path, name), section)
        return self._make(cls, path, values) if len(self.failures) == before else None

    def _plain(self, known: ServiceFields, path: tuple[str, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return known.decode(given)
        except ValidationError as error:
            self.failures.extend(self.binder.failures(error, path, known.names))
            return {}

    def _capability(self, plan: CapabilityPlan) -> Any:
        try:
            return self.binder.capability(plan)
        except ValueError as error:
            self.failures.append(Failure("bind", f"services.{plan.service}.{plan.field}", str(error)))
            return None

    async def _provider(self, cls: type[Service], kind: ProviderKind, path: tuple[str, ...], section: Any) -> Any:
        if not isinstance(section, Mapping):
            reason = "is missing: the provider's endpoint and settings" if section is None else "must be a mapping"
            self.failures.append(Failure("bind", ".".join(path), reason))
            return None
        plan = ProviderPlan(
            kind=kind,
            service=self.name,
            field=path[-1],
            section=cast("Mapping[str, Any]", section),
            package=self.package,
            module=sys.modules[cls.__module__].__package__ or "",
            status_map=self.status_map,
            api_level=self.api_level,
            messages=messages_beside(cls, kind),
            once=self.once,
        )
        try:
            return await self.binder.build(plan)
        except ValidationError as error:
            self.failures.extend(self.binder.failures(error, path))
        except (ValueError, OSError) as error:
            self.failures.append(Failure("bind", ".".join(path), str(error)))
        return None

    def _make(self, cls: type[Service], path: tuple[str, ...], values: dict[str, Any]) -> Service | None:
        try:
            return cls(**values)
        except BaseException as error:  # a plugin's __post_init__ may raise anything, even a SystemExit
            if is_ending(error):
                raise
            self.failures.append(Failure("bind", ".".join(path), told(error, cls.__module__)))
            return None
