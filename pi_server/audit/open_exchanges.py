r"""Exchanges that have begun and not ended, on file: a worker that dies leaves none without its closing record.

Each worker appends to a file of its own, locked as long as it lives, however it ends.  A line is

    +7 "headers": [], "payload": "", ...      exchange 7 has begun; this closes it if nobody else does
    -7                                        exchange 7 is closed

The first is written before the request record of the API log, the second some time after the closing record.  So the
file of a dead worker names every exchange it left open, and some that it closed in its last moments: which of them, the
API log itself can tell.
"""

import fcntl
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from time import monotonic
from uuid import uuid4

from pi_server.audit.writer import Losses, Stream
from pi_server.domain.turn import Turn

LARGEST = 1024 * 1024
"""Bytes after which the file is written anew, with nothing but what is open."""

_LOOK_EVERY = 0.1  # seconds between looks whether the file still exists
_ID = re.compile(r'"correlationId": "[^"]*"')
_PLACE = re.compile(r'"apiTo": .*')
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class OpenExchanges:
    """The file of one worker."""

    def __init__(self, folder: Path, turn: Turn) -> None:
        """Make the file in ``folder``; write in the turns of the API log, whose recorder is made after this.

        Raises:
            OSError: it cannot be made.
        """
        self._path = folder / f"{os.getpid()}-{uuid4().hex[:8]}.open"  # machines that share a folder share numbers too
        self._file = _locked(self._path)
        self._record = turn.recorder(self._write)
        turn.then(self._settle)
        self._open: dict[int, bytes] = {}
        self._ending: list[int] = []
        self._settled = b""
        self._count = self._size = 0
        self._look_at = 0.0

    def begin(self, closing: str) -> int:
        """Remember an exchange by the fields of the record that would close it; its number."""
        self._count += 1
        line = self._open[self._count] = f"+{self._count} {closing}\n".encode()
        self._record(line)
        return self._count

    def end(self, number: int) -> None:
        """The exchange has its closing record, which is on its way to the file."""
        self._ending.append(number)

    def fits(self) -> bool:
        """Whether there is room for another line, found out by writing one that says nothing."""
        return not self._file.attempt(b"-0\n")

    def close(self) -> None:
        """Remove the file if nothing is open any more; what lacks its closing record gets it at the next start."""
        if self._open:
            self._rewrite()
        else:
            self._path.unlink(missing_ok=True)
        os.close(self._file.fd)

    def _settle(self) -> None:
        """Forget those whose closing records are on file; the file is told with the next exchange that begins."""
        for number in self._ending:
            if self._open.pop(number, None):
                self._settled += b"-%d\n" % number
        self._ending.clear()

    def _write(self, lines: bytes) -> int:
        settled, self._settled = self._settled, b""
        self._size += len(settled) + len(lines)
        if self._size > LARGEST or self._is_gone():
            self._rewrite()
        else:
            self._append(settled + lines)
        return 0

    def _append(self, lines: bytes) -> None:
        """Go on in the file; what could not be written is there again when all is written anew, the next time."""
        if self._file.attempt(lines):
            self._size = LARGEST

    def _is_gone(self) -> bool:
        """Whether somebody has deleted the file, as far as was looked."""
        now = monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + _LOOK_EVERY
        return os.fstat(self._file.fd).st_nlink == 0

    def _rewrite(self) -> None:
        """A new file with what is open, whole before it takes the place of the old one."""
        lines = b"".join(self._open.values())
        self._size = len(lines)
        new = self._path.with_name(f"{self._path.stem}+.open")
        try:
            file = _written(new, lines, self._file.losses)
        except OSError as error:
            self._file.losses.tell(f"cannot be written anew: {error.strerror or error}")
            self._append(lines)
            return
        new.replace(self._path)
        os.close(self._file.fd)
        self._file = file


def _locked(path: Path) -> Stream:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    fd = os.open(path, _FLAGS, 0o640)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return Stream(fd, str(path))


def _written(path: Path, lines: bytes, losses: Losses) -> Stream:
    """A file with just these lines; OSError, and no file, when they do not fit on the disk."""
    file = _locked(path)
    file.losses = losses  # it goes on where the other one ends, and says no more than that
    if file.attempt(lines):
        path.unlink(missing_ok=True)
        os.close(file.fd)
        raise OSError(ENOSPC, os.strerror(ENOSPC))
    return file


def abandoned(folder: Path, log: Path) -> Iterator[str]:
    """The fields of the closing records that dead workers owe to the API log ``log``; their files are removed."""
    for path in sorted(folder.glob("*.open")):
        with suppress(OSError), path.open("rb") as file:  # another worker may be faster
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError while its worker lives
            yield from _owed(_named_open(file), log)
            path.unlink()


def _named_open(lines: Iterable[bytes]) -> list[str]:
    """What a file names as open; a last line that was cut off tells of nothing that had begun."""
    found: dict[bytes, str] = {}
    for line in lines:
        number, _, closing = line.rstrip(b"\n").partition(b" ")
        if line.startswith(b"+") and line.endswith(b"\n"):
            found[number[1:]] = closing.decode("utf-8", "replace")
        elif line.startswith(b"-"):
            found.pop(number[1:], None)
    return list(found.values())


def _owed(named: list[str], log: Path) -> Iterator[str]:
    """Those of which the log, or one it was renamed to, holds more request records than closing ones."""
    if not named:
        return
    ids = {_id(closing) for closing in named}
    balance: Counter[str] = Counter()
    for file in log.parent.glob(f"{log.name}*"):
        with suppress(OSError), file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.endswith("}\n") and _id(line) in ids:  # one that a full disk has cut was never sent
                    balance[_key(line)] += 1 if '"flow": "REQUEST_OUT_PI"' in line else -1
    for closing in named:
        key = _key(closing)
        if balance[key] > 0:
            balance[key] -= 1
            yield closing


def _id(record: str) -> str:
    found = _ID.search(record)
    return found[0] if found else ""


def _key(record: str) -> str:
    """What is the same in both records of an exchange: its call, and which operation asks which endpoint."""
    place = _PLACE.search(record)
    told = place[0].rstrip("}\n") if place else ""
    return _id(record) + told.replace("REQUEST_OUT_PI", "RESPONSE_IN_PI")
