"""Reading the logs back: entry by entry, several logs merged by time, and on and on while they grow."""

import gzip
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from heapq import merge
from pathlib import Path
from typing import IO, cast

TAIL = 1024 * 1024
"""Bytes at the end of a file in which the last entries are looked for."""

_ACCESS = re.compile(r"(?:\x1b\[[\d;]*m)*\[PI\] (\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d)")
_BRACKETS = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})\]")
_JSON = re.compile(r'\{"(?:time|at)": "([^"]+)"')


@dataclass(frozen=True, slots=True)
class Log:
    """A log to be read: its name, its file, and the zone of times that do not tell theirs (None: the local one)."""

    name: str
    file: Path
    zone: tzinfo | None = None

    def rotated(self) -> list[Path]:
        """The file and all it was renamed or packed to."""
        return sorted(self.file.parent.glob(f"{self.file.name}*"))


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A line with those that belong to it, such as a trace; ``at`` are seconds since the epoch."""

    at: float
    log: str = field(compare=False)
    text: str = field(compare=False)


def moment(line: str, zone: tzinfo | None) -> float | None:
    """When a line was written; None when it begins no entry.

    A time without a fraction counts as the end of its second: an access line follows what its call has left.
    """
    if match := _BRACKETS.match(line):
        return _seconds(match[1], "%Y-%m-%d %H:%M:%S,%f", zone)
    if match := _ACCESS.match(line):
        whole = _seconds(match[1], "%Y/%m/%d - %H:%M:%S", zone)
        return None if whole is None else whole + 0.999
    if match := _JSON.match(line):
        with suppress(ValueError):
            return datetime.fromisoformat(match[1]).timestamp()
    return None


def last(logs: Iterable[Log], lines: int) -> list[Entry]:
    """The last entries of all logs together, in the order of time."""
    found = merge(*[sorted(_entries(_tail(log.file), log)) for log in logs])
    return list(found)[-lines:] if lines else []


def of_call(logs: Iterable[Log], correlation_id: str) -> list[Entry]:
    """Everything that tells of one call, in the order of time; rotated files are read, too."""
    named = _word(correlation_id)
    return sorted(
        entry
        for log in logs
        for path in log.rotated()
        for entry in _entries(_opened(path), log)
        if named.search(entry.text.partition("\n")[0])
    )


class Following:
    """What is added to the logs from now on, whatever becomes of their files meanwhile."""

    def __init__(self, logs: Iterable[Log], correlation_id: str = "") -> None:
        """Begin at the present end of each; with an id only entries of that call count."""
        self._ends = [(log, _End(log.file)) for log in logs]
        self._named = _word(correlation_id) if correlation_id else re.compile("")

    def more(self) -> list[Entry]:
        """What came since it was asked the last time, in the order of time."""
        found = [entry for log, end in self._ends for entry in _entries(end.lines(), log)]
        return sorted(entry for entry in found if self._named.search(entry.text.partition("\n")[0]))


class _End:
    """The end of one file that grows, is renamed, cut or made anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        self._rest = b""
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)

    def lines(self) -> list[str]:
        """The whole lines that were added."""
        data = self._read()
        if self._is_replaced():
            if self._file is not None:
                self._file.close()
            self._file = self._open()
            data += self._read()
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]

    def _read(self) -> bytes:
        if self._file is None:
            return b""
        if os.fstat(self._file.fileno()).st_size < self._file.tell():  # cut
            self._file.seek(0)
        return self._file.read()

    def _is_replaced(self) -> bool:
        if self._file is None:
            return True
        try:
            return not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except OSError:  # renamed, and not made anew yet
            return False

    def _open(self) -> IO[bytes] | None:
        try:
            return self._path.open("rb")
        except OSError:
            return None


def _entries(lines: Iterable[str], log: Log) -> Iterator[Entry]:
    at, text = 0.0, list[str]()
    for line in lines:
        begins = moment(line, log.zone)
        if begins is None and text:
            text.append(line)
            continue
        if text:
            yield Entry(at, log.name, "\n".join(text))
        at, text = begins or 0.0, [line]
    if text:
        yield Entry(at, log.name, "\n".join(text))


def _opened(path: Path) -> Iterator[str]:
    """The lines of a file, packed or not; none of one that cannot be read to its end."""
    with suppress(OSError, EOFError), _bytes(path) as data:
        for line in data:
            yield line.decode("utf-8", "replace").rstrip("\n")


def _bytes(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _tail(path: Path) -> list[str]:
    """The last lines of a file, from the first whole one on."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - TAIL)
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return []
    return lines[1 if start else 0 : -1]


def _seconds(text: str, form: str, zone: tzinfo | None) -> float | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=zone).timestamp()
    except ValueError:
        return None


def _word(correlation_id: str) -> re.Pattern[str]:
    """The id as it stands in a line: not as a part of a longer one."""
    return re.compile(rf"(?<![A-Za-z0-9-]){re.escape(correlation_id)}(?![A-Za-z0-9-])")
