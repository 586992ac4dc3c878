"""Where lines go: written through for evidence, buffered for the access log."""

import asyncio
import os
import select
import threading
from collections import deque
from contextlib import suppress
from math import inf
from pathlib import Path
from time import monotonic

_TELL_EVERY = 10.0  # seconds
_LOOK_EVERY = 0.1  # seconds between looks whether the file still exists
_PATIENCE_MS = 1000  # how long a full pipe may refuse before its lines are given up
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class Losses:
    """Counts lost records and says so on standard error, at most once in ten seconds."""

    def __init__(self, where: str) -> None:
        """Speak of what was meant for ``where``."""
        self.count = 0
        self._where = where
        self._told = -inf

    def add(self, records: int, reason: object) -> None:
        """Count ``records`` as lost."""
        self.count += records
        self.tell(f"{self.count} log records lost so far: {reason}")

    def tell(self, text: str) -> None:
        """Say ``text``, unless something was said a moment ago."""
        now = monotonic()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            with suppress(OSError):  # nobody may be listening
                os.write(2, f"pi-server: {self._where}: {text}\n".encode("utf-8", "backslashreplace"))


def _write_some(fd: int, data: bytes) -> int:
    """Write what fits; a descriptor that somebody made non-blocking is waited for, but not for ever."""
    try:
        return os.write(fd, data)
    except BlockingIOError:
        ready = select.poll()
        ready.register(fd, select.POLLOUT)
        if not ready.poll(_PATIENCE_MS):
            raise
        return 0


class Stream:
    """An open descriptor such as standard output; whole lines in, nothing ever raised."""

    def __init__(self, fd: int, name: str = "") -> None:
        """Write to ``fd``, which stays its owner's to close."""
        self.fd = fd
        self.losses = Losses(name or f"descriptor {fd}")
        self._torn = False

    def write(self, lines: bytes) -> int:
        """Write ``lines`` (each ended by a newline) at once; what cannot be written is counted and told."""
        missing, reason = self._attempt(lines)
        if missing:
            self.losses.add(missing, reason)
        return missing

    def attempt(self, lines: bytes) -> int:
        """Write ``lines``; how many of them, at the end, could not be written: told, and for others to keep."""
        missing, reason = self._attempt(lines)
        if missing:
            self.losses.tell(f"cannot be written: {reason}")
        return missing

    def _attempt(self, lines: bytes) -> tuple[int, str]:
        whole = rest = b"\n" + lines if self._torn else lines  # the line that was cut must not run into this one
        reason = ""
        try:
            self._prepare()
            while rest:
                rest = rest[_write_some(self.fd, rest) :]
        except OSError as error:
            reason = error.strerror or str(error)
        self._torn = 0 < len(rest) < len(whole) or (self._torn and len(rest) == len(whole))
        ended = len(rest) < len(whole) and rest.startswith(b"\n")  # a line that lacks its end only, which comes later
        return min(rest.count(b"\n") - ended, lines.count(b"\n")), reason

    def _prepare(self) -> None:
        """Make sure that what is written will be found again."""


class AppendFile(Stream):
    """A log file shared by processes: a record is one ``write(2)`` on an appending descriptor, so none is torn."""

    def __init__(self, path: Path) -> None:
        """Open ``path`` (mode 0640), creating its directory; OSError when that is impossible."""
        self.path = path
        self._look_at = 0.0
        super().__init__(self._open(), str(path))

    def reopen(self) -> None:
        """Go on in a fresh file after a rotation; with none to be had, go on in the old one and say so."""
        try:
            self._replace()
        except OSError as error:
            self.losses.tell(f"cannot be opened again: {error.strerror or error}")

    def close(self) -> None:
        """Close the file; records after this are lost, and counted."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def _open(self) -> int:
        self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        return os.open(self.path, _FLAGS, 0o640)

    def _replace(self) -> None:
        fresh = self._open()
        try:
            os.dup2(fresh, self.fd, inheritable=False)  # atomic: another thread may be writing to it
        finally:
            os.close(fresh)

    def _prepare(self) -> None:
        now = monotonic()
        if now >= self._look_at:  # looking each time would cost as much as the write
            self._look_at = now + _LOOK_EVERY
            mine = os.fstat(self.fd)
            if mine.st_nlink == 0:  # somebody deleted the file: records in it would be lost silently
                self._look_at = 0.0  # until it is there again
                self._replace()
            elif not self._is_at_its_path(mine):
                self.reopen()

    def _is_at_its_path(self, mine: os.stat_result) -> bool:
        """Whether nobody has renamed the file, or put another in its place."""
        try:
            return os.path.samestat(mine, self.path.stat())
        except OSError:
            return False


class BufferedWriter:
    """Collects lines and writes them together from a thread, so that a stuck disk or pipe never holds up the loop.

    At most ``limit`` lines wait; beyond it lines are dropped, counted and told.  Without a running loop lines are
    written at once.
    """

    def __init__(self, target: Stream | int, *, interval: float = 0.05, limit: int = 10_000) -> None:
        """Write to ``target`` every ``interval`` seconds while there is something to write."""
        self.target = target if isinstance(target, Stream) else Stream(target)
        self._interval = interval
        self._limit = limit
        self._lines: deque[bytes] = deque()
        self._writing = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that has promised a flush

    @property
    def lost(self) -> int:
        """How many lines were dropped or could not be written."""
        return self.target.losses.count

    def put(self, line: bytes) -> None:
        """Take one line, newline included; never blocks while a loop runs, and never raises."""
        if len(self._lines) >= self._limit:
            self.target.losses.add(1, f"more than {self._limit} lines are waiting")
            return
        self._lines.append(line)
        if self._loop is not None and self._loop.is_running():  # it will flush
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._drain()
        else:
            self._promise(loop)

    def close(self) -> None:
        """Write everything that still waits, now."""
        self._drain()

    def _promise(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(self._interval, self._flush, loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_in_executor(None, self._drain).add_done_callback(lambda _: self._flushed(loop))
        except RuntimeError:  # the executor has been shut down: the loop is about to end
            self._drain()

    def _flushed(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = None
        if self._lines and not loop.is_closed():
            self._promise(loop)

    def _drain(self) -> None:
        """Write what waits; lines are taken under the lock, so whoever writes keeps their order."""
        with self._writing:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                self.target.write(b"".join(lines))
