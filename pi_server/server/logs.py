"""Opening and closing the logs: access, API, audit and the server's own."""

import asyncio
import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, ExitStack

from pi_server.audit.access_audit import AccessAudit
from pi_server.audit.access_log import AccessLines, wants_colour
from pi_server.audit.api_log import ApiLog
from pi_server.audit.decisions import DecisionLines
from pi_server.audit.error_lines import ErrorLines
from pi_server.audit.mask import Mask
from pi_server.audit.open_exchanges import OpenExchanges, abandoned
from pi_server.audit.writer import AppendFile, BufferedWriter, Stream
from pi_server.config import Config, LogsSection
from pi_server.domain.audit import Audit
from pi_server.domain.decision import Decision
from pi_server.domain.ports import AccessLog
from pi_server.domain.readiness import Readiness
from pi_server.domain.turn import Turn
from pi_server.server.masking import CrashMask, credential_cookies, mask_of

_LOOK_EVERY = 0.5  # seconds between looks whether there is room again
_STREAMS = {"stdout": 1, "stderr": 2}


class Logs:
    """The logs of one worker; no access log where it is switched off, and no audit log until a service asks for it."""

    access: AccessLog | None
    api: ApiLog

    def __init__(self, config: Config, turn: Turn, readiness: Readiness, opened: AsyncExitStack) -> None:
        """Open all logs below ``logs.dir``; ``opened`` closes them, the server's own last.

        While the API log cannot be written, the worker is not ready.

        Raises:
            OSError: one of them cannot be opened.
        """
        self._section = config.logs
        self._readiness = readiness
        self._mask = _mask(config)
        self._audit: Audit | None = None
        self._decisions: DecisionLines | None = None
        self._operators: AppendFile | None = None
        file, writer = _open_error_log(config.logs, self._mask, opened)
        self._opened = opened.enter_context(ExitStack())  # some logs are opened when the worker has long begun
        self._files = [file]
        self._lost: dict[str, Callable[[], int]] = {
            "error": lambda: file.losses.count,
            "stderr": lambda: writer.lost,
        }
        self.api = self._open_api_log(turn)
        self.access = self._open_access_log()

    @property
    def lost(self) -> Mapping[str, int]:
        """How many records were lost, by log: access, api, audit, decisions, error and stderr."""
        return {log: count() for log, count in self._lost.items()}

    def audit(self) -> Audit:
        """The audit log, opened when a service asks for it."""
        if self._audit is None:
            self._audit = AccessAudit(self._file("audit", "audit.log"), timezone=self._section.timezone)
        return self._audit

    def decided(self, decision: Decision) -> None:
        """Note what a policy decided, in a log that is opened when there is something to note."""
        kept = self._section.decisions
        if kept == "off":
            return
        if self._decisions is None:
            put = self._buffered("decisions", self._file("decisions", "decisions.log"))
            self._decisions = DecisionLines(put, self._mask, kept=kept, timezone=self._section.timezone)
        self._decisions.record(decision)

    def operators(self) -> AppendFile:
        """The log of what operators changed at run time, opened when somebody does."""
        if self._operators is None:
            self._operators = self._file("operators", "operators.log")
        return self._operators

    def reopen(self) -> None:
        """Go on in fresh files after a rotation."""
        for file in self._files:
            file.reopen()

    def _file(self, log: str, name: str) -> AppendFile:
        file = AppendFile(self._section.dir / name)
        self._opened.callback(file.close)
        self._files.append(file)
        self._lost[log] = lambda: file.losses.count
        return file

    def _buffered(self, log: str, target: Stream) -> Callable[[bytes], None]:
        writer = BufferedWriter(target)
        self._opened.callback(writer.close)
        self._lost[log] = lambda: writer.lost
        return writer.put

    def _open_api_log(self, turn: Turn) -> ApiLog:
        folder = self._section.dir / "open"
        file = self._file("api", "api.log")
        exchanges = OpenExchanges(folder, turn)
        disk = _Disk(self._readiness, exchanges)
        self._opened.callback(exchanges.close)
        self._opened.callback(turn.flush)
        records = turn.recorder(lambda lines: disk.noticing(file.attempt(lines)))
        self._lost["api"] = lambda: records.lost
        api = ApiLog(
            records,
            self._mask,
            timezone=self._section.timezone,
            status_code_as_string=self._section.status_code_as_string,
            open_exchanges=exchanges,
        )
        for closing in abandoned(folder, file.path):
            api.close_abandoned(closing)
            turn.flush()  # on file before the file that asked for it is removed
            if records.fails:
                break
        return api

    def _open_access_log(self) -> AccessLog | None:
        section = self._section.access
        if section.output == "off":
            return None
        fd = _STREAMS.get(section.output)
        target = self._file("access", section.output) if fd is None else Stream(fd)
        return AccessLines(
            self._buffered("access", target),
            mask=self._mask,
            timezone=self._section.timezone,
            json=section.format == "json",
            colour=fd is not None and wants_colour(fd),
            skip=section.skip_paths,
        )


class _Disk:
    """Tells that the worker is not ready while records find no room, and looks by itself for room again."""

    def __init__(self, readiness: Readiness, exchanges: OpenExchanges) -> None:
        self._readiness = readiness
        self._exchanges = exchanges
        self._is_full = False

    def noticing(self, missing: int) -> int:
        """The same number, of lines that found no room."""
        if missing and not self._is_full:
            self._is_full = True
            self._readiness.not_ready("logs", "the API log cannot be written")
            self._look_later()
        return missing

    def _look(self) -> None:
        self._is_full = not self._exchanges.fits()
        if self._is_full:
            self._look_later()
        else:
            self._readiness.ready("logs")

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)


def open_error_log(config: Config, opened: ExitStack) -> None:
    """Open the server's own log alone, for a process that answers nobody; ``opened`` closes it."""
    _open_error_log(config.logs, _mask(config), opened)


def _mask(config: Config) -> Mask:
    mask = mask_of(config.logs.mask, cookies=credential_cookies(config))
    if isinstance(sys.excepthook, CrashMask):
        sys.excepthook.mask = mask
    return mask


def _open_error_log(
    section: LogsSection, mask: Mask, opened: ExitStack | AsyncExitStack
) -> tuple[AppendFile, BufferedWriter]:
    """Log to ``error.log``, and to standard error without waiting for whoever reads it."""
    file, writer = AppendFile(section.dir / "error.log"), BufferedWriter(Stream(2, "standard error"))
    root = logging.getLogger()
    root.setLevel(section.level)
    opened.callback(file.close)
    opened.callback(writer.close)
    for write in (file.write, writer.put):
        handler = ErrorLines(write, lambda text: mask.payload(text, ""))
        root.addHandler(handler)
        opened.callback(root.removeHandler, handler)
    return file, writer
