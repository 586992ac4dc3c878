"""The server's own log, as `logging` hands it over: never a trace on standard error, and never a wait for it."""

import logging
from collections.abc import Callable
from typing import Any

from pi_server.audit.one_line import one_line
from pi_server.domain.call import current_call

_FORMAT = "[%(asctime)s] %(levelname)s %(name)s [%(call)s] %(message)s"


class ErrorLines(logging.Handler):
    """Hands records to ``write`` as lines; what that cannot write, it counts itself."""

    def __init__(self, write: Callable[[bytes], object], mask: Callable[[str], str]) -> None:
        """Mask what looks like a secret in the whole text."""
        super().__init__()
        self._write = write
        self.setFormatter(_Correlated(mask))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, with its trace if it has one."""
        try:
            lines = f"{self.format(record)}\n"
        except Exception:  # noqa: BLE001 - what somebody logs wrongly must not end his work
            lines = f"{record.levelname} {record.name} a message that cannot be formed: {one_line(repr(record.msg))}\n"
        self._write(lines.encode("utf-8", "backslashreplace"))


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
