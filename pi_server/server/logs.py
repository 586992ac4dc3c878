"""Opening and closing the three logs: access, API and the server's own."""

import logging
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from functools import cache
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from pi_server.audit.access_audit import AccessAudit
from pi_server.audit.access_log import AccessLines, wants_colour
from pi_server.audit.api_log import ApiLog
from pi_server.audit.mask import Mask
from pi_server.audit.one_line import one_line
from pi_server.audit.open_exchanges import OpenExchanges, abandoned
from pi_server.audit.writer import AppendFile, BufferedWriter
from pi_server.config import Config, LogsSection
from pi_server.domain.audit import Audit
from pi_server.domain.call import current_call
from pi_server.domain.ports import AccessLog
from pi_server.domain.turn import Turn
from pi_server.server.masking import CrashMask, credential_cookies, mask_of

_FORMAT = "[%(asctime)s] %(levelname)s %(name)s [%(call)s] %(message)s"
_STREAMS = {"stdout": 1, "stderr": 2}


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs of one worker; no access log where it is switched off, and no audit log until a service asks for it."""

    access: AccessLog | None
    api: ApiLog
    audit: Callable[[], Audit]
    operators: Callable[[], AppendFile]
    _files: tuple[AppendFile, ...] = ()

    def reopen(self) -> None:
        """Go on in fresh files after a rotation."""
        for file in self._files:
            file.reopen()


def open_error_log(config: Config, opened: ExitStack) -> None:
    """Open the server's own log alone, for a process that answers nobody; ``opened`` closes it."""
    mask = mask_of(config.logs.mask, cookies=credential_cookies(config))
    if isinstance(sys.excepthook, CrashMask):
        sys.excepthook.mask = mask
    _open_error_log(config.logs.dir, config.logs.level, lambda text: mask.payload(text, ""), opened)


def open_logs(config: Config, turn: Turn, opened: AsyncExitStack) -> Logs:
    """Open all logs below ``logs.dir``; ``opened`` closes them, the server's own last."""
    section, mask = config.logs, mask_of(config.logs.mask, cookies=credential_cookies(config))
    if isinstance(sys.excepthook, CrashMask):
        sys.excepthook.mask = mask
    _open_error_log(section.dir, section.level, lambda text: mask.payload(text, ""), opened)
    api_file = AppendFile(section.dir / "api.log")
    opened.callback(api_file.close)
    exchanges = OpenExchanges(section.dir / "open", turn)
    opened.callback(exchanges.close)
    opened.callback(turn.flush)
    api = ApiLog(
        turn.recorder(api_file.write),
        mask,
        timezone=section.timezone,
        status_code_as_string=section.status_code_as_string,
        open_exchanges=exchanges,
    )
    for closing in abandoned(section.dir / "open", api_file.path):
        api.close_abandoned(closing)
        turn.flush()  # on file before the file that asked for it is removed
    return Logs(
        _open_access_log(section, mask, opened),
        api,
        cache(lambda: _open_audit_log(section, opened)),
        cache(lambda: _open_operators_log(section, opened)),
    )


def _open_audit_log(section: LogsSection, opened: AsyncExitStack) -> Audit:
    file = AppendFile(section.dir / "audit.log")
    opened.callback(file.close)
    return AccessAudit(file, timezone=section.timezone)


def _open_operators_log(section: LogsSection, opened: AsyncExitStack) -> AppendFile:
    file = AppendFile(section.dir / "operators.log")
    opened.callback(file.close)
    return file


def _open_access_log(section: LogsSection, mask: Mask, opened: AsyncExitStack) -> AccessLog | None:
    output = section.access.output
    if output == "off":
        return None
    fd = _STREAMS.get(output)
    target = AppendFile(section.dir / output) if fd is None else fd
    if isinstance(target, AppendFile):
        opened.callback(target.close)
    writer = BufferedWriter(target)
    opened.callback(writer.close)
    return AccessLines(
        writer.put,
        mask=mask,
        timezone=section.timezone,
        json=section.access.format == "json",
        colour=fd is not None and wants_colour(fd),
        skip=section.access.skip_paths,
    )


def _open_error_log(
    directory: Path, level: str, mask: Callable[[str], str], opened: ExitStack | AsyncExitStack
) -> None:
    """Log to ``error.log`` in ``directory`` and to standard error."""
    directory.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    root.setLevel(level)
    file = directory / "error.log"
    file.touch(mode=0o640)  # like the other logs: it may tell of personal data
    for handler in (WatchedFileHandler(file, encoding="utf-8"), logging.StreamHandler(sys.stderr)):
        handler.setFormatter(_Correlated(mask))
        root.addHandler(handler)
        opened.callback(handler.close)
        opened.callback(root.removeHandler, handler)


class _Correlated(logging.Formatter):
    """Adds the correlation id, keeps a message on its line, and masks what looks like a secret in the whole text."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__(_FORMAT)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        call = current_call.get()
        record.call = f"{call.correlation_id} {call.consumer.name}".rstrip() if call else "-"
        record.exc_text = None  # another formatter may have left its own there
        return self._mask(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Give the record's own line, in which foreign text cannot begin another."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        """Give the trace, indented, so that no line of it can pass for a record."""
        return "\n".join(f"  {one_line(line)}" for line in super().formatException(ei).split("\n"))
