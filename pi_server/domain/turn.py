"""What is written in one turn of the event loop, written together at its end: records first, then bytes.

A record has to be on file before the bytes it tells of leave.  So, once there is a record in a turn, whatever is sent
waits until everything that runs in this turn has run.  One write then takes all records; and those who read at the
other ends are woken together, which costs more than the writing.  Nobody waits longer for it: nothing else could have
happened meanwhile.  A turn without a record holds nothing.

What cannot be written, on a full disk for example, is refused before its bytes leave: whoever asked for the record is
told, and what is held waits one turn more, so that he can take it back.  A line that nobody can take back, because what
it tells of has happened, is kept until it can be written.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

SMALL = 64 * 1024
"""Bytes that may be held for one connection; what is larger goes out at once, so that its sender is told to pause."""

MOST = 16
"""Connections held for: where hundreds have something to send, the first does not wait for the last."""

AGAIN = 0.5
"""Seconds after which what could not be written is tried again, if nothing else has tried it meanwhile."""

Write = Callable[[bytes], int]
"""Writes lines in their order; how many of them, at the end, could not be written."""

Refuse = Callable[[], bool]
"""Keeps from happening what a line tells of; False when it has happened already."""


class Turn:
    """The turns of one event loop."""

    def __init__(self) -> None:
        """Begin with nothing held; needs a running loop."""
        self._loop = asyncio.get_running_loop()
        self._recorders: list[Recorder] = []
        self._then: list[Callable[[], None]] = []
        self._held: deque[HeldTransport] = deque()
        self._end_of_turn: asyncio.Handle | None = None
        self._tries_again = False
        self.waits = False
        """Whether there is anything to be written at the end of this turn."""
        self.refuses = False
        """Whether something was refused in this turn, and what is held waits for the next."""

    def recorder(self, write: Write) -> "Recorder":
        """Takes lines, and hands them to ``write`` before anything that was sent after them is on its way.

        What recorders made earlier take is written earlier.
        """
        self._recorders.append(Recorder(self, write))
        return self._recorders[-1]

    def then(self, action: Callable[[], None]) -> None:
        """Do ``action`` whenever all records have been written."""
        self._then.append(action)

    def hold(self, transport: asyncio.BaseTransport) -> asyncio.Transport:
        """The same connection, on which small writes wait for the end of a turn that has a record."""
        return cast("asyncio.Transport", HeldTransport(self, cast("asyncio.Transport", transport)))

    def take_back(self, transport: object) -> None:
        """Forget what is held for a connection of this turn."""
        if isinstance(transport, HeldTransport):
            transport.take_back()

    def add(self, held: "HeldTransport") -> None:
        """Have ``held`` send at the end of this turn."""
        self._held.append(held)
        if len(self._held) >= MOST:
            self.flush()

    def flush(self) -> None:
        """Write everything that waits, now; what is held only if nothing was refused."""
        self.write()
        while self._held and not self.refuses:
            self._held.popleft().release()

    def write(self) -> None:
        """Write all records, now."""
        missing = False
        for recorder in self._recorders:
            missing |= recorder.write()
        if missing:
            self._try_again()
        else:
            for action in self._then:
                action()

    def promise(self) -> None:
        """Flush at the end of this turn."""
        try:
            self._end_of_turn = self._loop.call_soon(self._end)
            self.waits = True
        except RuntimeError:  # the loop is closed: what is told now is told by those it left behind
            self.flush()

    def refused(self) -> None:
        """Hold what is held until those who were refused something have heard of it."""
        if self._end_of_turn is not None:
            self._end_of_turn.cancel()
        self.refuses = self.waits = True
        with suppress(RuntimeError):  # the loop is closed: nobody is left to hear of it
            self._end_of_turn = self._loop.call_soon(self.promise)  # a turn later still, for whoever runs just now

    def _end(self) -> None:
        self.waits = self.refuses = False
        try:
            self.flush()
        finally:
            if self._held and not self.waits:  # one of them failed, which is no reason to forget the others
                self.promise()

    def _try_again(self) -> None:
        if not self._tries_again and not self._loop.is_closed():
            self._tries_again = True
            self._loop.call_later(AGAIN, self._again)

    def _again(self) -> None:
        self._tries_again = False
        self.flush()


class Recorder:
    """Takes the lines of one file; made by `Turn.recorder`."""

    def __init__(self, turn: Turn, write: Write) -> None:
        self._turn = turn
        self._write = write
        self._lines: list[bytes] = []
        self._refusals: list[Refuse | None] = []
        self.lost = 0
        """Lines that could not be written, and told of what then did not happen."""
        self.fails = False
        """Whether the last try to write failed."""

    def __call__(self, line: bytes, refuse: Refuse | None = None) -> None:
        """Take a line; ``refuse`` is called if it cannot be written, maybe at once.  Without it the line is kept."""
        self._lines.append(line)
        self._refusals.append(refuse)
        if self.fails:  # nobody goes on in the hope that it can be written now
            self._turn.write()
        elif not self._turn.waits:
            self._turn.promise()

    def write(self) -> bool:
        """Hand over what there is; whether some of it is left."""
        if self._lines:
            lines, refusals = self._lines, self._refusals
            self._lines, self._refusals = [], []
            missing = self._write(b"".join(lines))
            if missing:
                self._keep(lines[-missing:], refusals[-missing:])
            self.fails = missing > 0
        return bool(self._lines)

    def _keep(self, lines: list[bytes], refusals: list[Refuse | None]) -> None:
        """Keep what has happened, and refuse what has not."""
        for line, refuse in zip(lines, refusals, strict=True):
            if refuse is not None and refuse():
                self.lost += 1
            else:
                self._lines.append(line)
                self._refusals.append(None)
        if not self.fails:  # later each line is tried at once, so nobody has gone on meanwhile
            self._turn.refused()


class HeldTransport:
    """A transport as its protocol sees it; `asyncio.Transport` in all but name.

    Anything but a small write, closing it included, first sends what is held.
    """

    def __init__(self, turn: Turn, transport: asyncio.Transport) -> None:
        self._turn = turn
        self._transport = transport
        self._data: bytes | None = None
        self.written = 0
        """Bytes of all writes so far."""
        self.is_closing = transport.is_closing  # asked for every answer, as is the next
        self.get_extra_info = transport.get_extra_info
        self.get_write_buffer_size = transport.get_write_buffer_size

    def write(self, data: bytes) -> None:
        """Send ``data`` at the end of this turn, or now."""
        self.written += len(data)
        if not self._turn.waits:
            self._transport.write(data)
        elif self._data is None and len(data) <= SMALL:
            self._data = data
            self._turn.add(self)
        else:
            self._turn.flush()
            self._write_after(data)

    def release(self) -> None:
        """Send what is held, unless the connection is gone."""
        data, self._data = self._data, None
        if data is not None and not self._transport.is_closing():
            self._transport.write(data)

    def take_back(self) -> None:
        """Forget what is held."""
        self._data = None

    def _write_after(self, data: bytes) -> None:
        """Send ``data`` now that all records are written; not if one of them was refused."""
        if not self._turn.refuses:
            self._transport.write(data)
        elif self._data is None:
            self._data = data
            self._turn.add(self)
        else:
            self._data += data

    def __getattr__(self, name: str) -> Any:
        """Whatever else a transport can do, which is then done after what is held."""
        self._turn.flush()
        self.release()
        return getattr(self._transport, name)
