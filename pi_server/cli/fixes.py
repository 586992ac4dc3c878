"""What to do about a plugin that is not served: one advice for each way to fail."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pi_server.discovery.plugin import Candidate, Failure
from pi_server.version import VERSION

_ENTRY_POINT = 'the entry point under [project.entry-points."pi_server.services"]'


def fix_for(
    failure: Failure, candidate: Candidate | None, cause: BaseException | None, known: Iterable[str] = ()
) -> str:
    """The advice for ``failure``, whose exception was ``cause``; ``known`` are the services that are installed."""
    if failure.phase == "discover":
        return _for_discovery(failure, known)
    package = candidate.distribution if candidate else "the package"
    if failure.phase == "gate":
        return f"pip install --upgrade {package}, or let its dependency on pi-server allow {VERSION}"
    if failure.phase == "import":
        return _for_import(candidate.value if candidate else "", package, cause)
    if failure.path.endswith(".root"):
        return f"give it a path of its own: set {failure.path}"
    return f"correct {failure.path}, then run `pi-server check`"


def _for_discovery(failure: Failure, known: Iterable[str]) -> str:
    if "several packages" in failure.reason:
        packages = failure.reason.rpartition(": ")[2].replace(",", " or")
        return f"pip uninstall {packages}, or rename one of their entry points"
    near = difflib.get_close_matches(failure.path.rpartition(".")[2], list(known), 1)
    meant = f"name it {near[0]}, or " if near else ""
    return f"{meant}pip install the package that offers it, or remove {failure.path}"


def _for_import(value: str, package: str, cause: BaseException | None) -> str:
    module, _, name = value.partition(":")
    own = module.partition(".")[0]
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        if cause.name.partition(".")[0] == own:
            return f"there is no {cause.name}: correct {_ENTRY_POINT} of {package}, and install it again"
        return f"pip install {cause.name.partition('.')[0]}, and let the dependencies of {package} name it"
    if isinstance(cause, ImportError) and cause.name:
        return f"pip install --upgrade {cause.name.partition('.')[0]} {package}: they do not fit together"
    if isinstance(cause, AttributeError) and name and cause.name in name.split("."):
        return f"there is no {name} in {module}: correct {_ENTRY_POINT} of {package}, and install it again"
    if cause is None:
        return (
            f"let {value} be a class derived from pi_server.Service that imports at once; slow work is for lifespan()"
        )
    return f"correct {package}; `python -c 'import {module}'` shows where it fails"
