"""Importing what a plugin offers without trusting it to come back."""

import threading
from importlib import import_module

from pi_server.discovery.plugin import Candidate, Failure, PluginError, told
from pi_server.domain.service import Service

IMPORT_LIMIT = 10.0
"""Seconds a plugin may take to import."""


def import_service(candidate: Candidate, limit: float = IMPORT_LIMIT) -> type[Service]:
    """The class an entry point names.

    Raises:
        PluginError: the import raised, hung, or gave something that is not a `Service`.
    """
    found = import_object(candidate, limit)
    if not (isinstance(found, type) and issubclass(found, Service)):
        raise PluginError(Failure("import", candidate.value, "is not a subclass of pi_server.Service"))
    return found


def import_object(candidate: Candidate, limit: float = IMPORT_LIMIT) -> object:
    """What an entry point names, imported in a daemon thread: one that hangs is left behind.

    Raises:
        PluginError: the import raised, or hung.
    """
    outcome: list[object] = []
    thread = threading.Thread(
        target=_import, args=(candidate.value, outcome), name=f"import {candidate.name}", daemon=True
    )
    thread.start()
    thread.join(limit)
    if not outcome:
        raise PluginError(Failure("import", candidate.value, f"did not finish importing within {limit:g} s"))
    found = outcome[0]
    if isinstance(found, BaseException):
        raise PluginError(Failure("import", candidate.value, told(found, candidate.value.partition(":")[0]))) from found
    return found


def _import(value: str, outcome: list[object]) -> None:
    module, _, name = value.partition(":")
    try:
        found: object = import_module(module)
        for part in name.split(".") if name else ():
            found = getattr(found, part)
    except BaseException as error:  # noqa: BLE001 - even a SystemExit at import takes down only this plugin
        outcome.append(error)
    else:
        outcome.append(found)
