"""What is known of a plugin, and how far it came."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import Literal

from pi_server.domain.mount import Mount
from pi_server.domain.service import Service
from pi_server.domain.status_map import StatusMap

Phase = Literal["discover", "gate", "import", "bind", "serve"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a plugin is not served: in which phase, at which configuration key or object, and the reason."""

    phase: Phase
    path: str
    reason: str

    def __str__(self) -> str:
        """One line for logs and lists."""
        return f"{self.phase}: {self.path}: {self.reason}"


class PluginError(Exception):
    """Raised within a phase; carries everything that is wrong there."""

    def __init__(self, *failures: Failure) -> None:
        """Hold ``failures``, at least one."""
        super().__init__("; ".join(map(str, failures)))
        self.failures = failures


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry point somebody installed, as its metadata tells it; nothing of it has been imported."""

    name: str
    value: str
    distribution: str
    version: str
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """A service instance with its operations and the status maps of its package."""

    service: Service
    root: str
    mounts: tuple[Mount, ...]
    status_map: StatusMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One line of the plugin list: a served service, or the failures that keep it from being one."""

    name: str
    enabled: bool
    candidate: Candidate | None = None
    bound: Bound | None = None
    root: str = ""
    failures: tuple[Failure, ...] = ()

    @property
    def state(self) -> Literal["serving", "failed", "disabled"]:
        """What the plugin does."""
        if self.failures:
            return "failed"
        return "serving" if self.bound else "disabled"


def told(error: BaseException, module: str) -> str:
    """What a plugin raised, with the last line of its package that led there, if any did."""
    package = module.partition(".")[0]
    lines = [place for frame, line in walk_tb(error.__traceback__) if (place := _place(frame, line, package))]
    return f"{type(error).__name__}: {error}" + (f" ({lines[-1]})" if lines else "")


def _place(frame: FrameType, line: int, package: str) -> str:
    """``pi_bank/service.py:12``, as the package names its own files; empty for the code of others."""
    module, file = str(frame.f_globals.get("__name__", "")), Path(frame.f_code.co_filename)
    if module.partition(".")[0] != package or file.suffix != ".py":
        return ""
    depth = module.count(".") + 1 + (file.stem == "__init__")
    return f"{Path(*file.parts[-depth:])}:{line}"


def not_served(plugin: Plugin, error: BaseException) -> Plugin:
    """The plugin as failed in its last phase."""
    if isinstance(error, PluginError):
        return replace(plugin, bound=None, failures=error.failures)
    timed_out = isinstance(error, TimeoutError)
    module = type(plugin.bound.service).__module__ if plugin.bound else ""
    reason = "did not start within its limit" if timed_out else told(error, module)
    return replace(plugin, bound=None, failures=(Failure("serve", f"services.{plugin.name}", reason),))


def mounts_of(plugins: Iterable[Plugin]) -> list[Mount]:
    """All operations of those plugins that are served."""
    return [mount for plugin in plugins if plugin.bound for mount in plugin.bound.mounts]
