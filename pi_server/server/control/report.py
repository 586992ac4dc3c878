"""What a process is doing, for whoever has to find out why it does not do better."""

import asyncio
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from pi_server.server.assembly import Server
from pi_server.server.control.questions import told
from pi_server.version import VERSION

_MOST = 200
"""Tasks that are told with their stacks."""

_log = logging.getLogger("pi_server.report")


def tell_tasks() -> None:
    """Write to the error log what every task waits for."""
    for stack in _stacks():
        _log.warning("%s", stack)


def write_report(server: Server, folder: Path) -> None:
    """Write how this process stands into a file in ``folder``: its memory, its providers, its tasks."""
    now = datetime.now(UTC)
    usage = getrusage(RUSAGE_SELF)
    report: dict[str, Any] = {
        "at": now.isoformat(),
        "version": VERSION,
        "pid": os.getpid(),
        "peakMemoryKiB": usage.ru_maxrss,
        "cpuSeconds": usage.ru_utime + usage.ru_stime,
        "notReady": dict(server.readiness.reasons),
        "plugins": {plugin.name: [str(one) for one in plugin.failures] for plugin in server.plugins if plugin.enabled},
        "providers": [told(name, standing) for name, standing in server.standings.items()],
        "tasks": len(asyncio.all_tasks()),
        "stacks": _stacks(),
    }
    path = folder / f"report-{now:%Y%m%dT%H%M%S}-{os.getpid()}.json"
    try:
        path.touch(0o640)
        path.write_text(json.dumps(report, indent=1), encoding="utf-8")
    except OSError as error:
        _log.error("no report could be written: %s", error)
    else:
        _log.info("a report is in %s", path)


def _stacks() -> list[str]:
    return [f"{task.get_name()}: {_stack(task)}" for task in list(asyncio.all_tasks())[:_MOST]]


def _stack(task: asyncio.Task[Any]) -> str:
    """Where it waits, innermost last, as lines of the program without values: those could be secrets."""
    places: list[str] = []
    waiting: Any = task.get_coro()
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is None:
            break
        places.append(f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}")
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return " > ".join(places)
