"""What is written in one turn of the event loop, written together at its end: records first, then bytes.

A record has to be on file before the bytes it tells of leave.  So, once there is a record in a turn, whatever is sent
waits until everything that runs in this turn has run.  One write then takes all records; and those who read at the
other ends are woken together, which costs more than the writing.  Nobody waits longer for it: nothing else could have
happened meanwhile.  A turn without a record holds nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

SMALL = 64 * 1024
"""Bytes that may be held for one connection; what is larger goes out at once, so that its sender is told to pause."""

MOST = 16
"""Connections held for: where hundreds have something to send, the first does not wait for the last."""


class Turn:
    """The turns of one event loop."""

    def __init__(self) -> None:
        """Begin with nothing held; needs a running loop."""
        self._loop = asyncio.get_running_loop()
        self._records: list[tuple[Callable[[bytes], None], list[bytes]]] = []
        self._then: list[Callable[[], None]] = []
        self._held: deque[HeldTransport] = deque()
        self.waits = False
        """Whether there is anything to be written at the end of this turn."""

    def recorder(self, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """Takes lines, and hands them to ``write`` before anything that was sent after them is on its way.

        What recorders made earlier take is written earlier.
        """
        lines: list[bytes] = []
        self._records.append((write, lines))

        def record(line: bytes) -> None:
            lines.append(line)
            if not self.waits:
                self._promise()

        return record

    def then(self, action: Callable[[], None]) -> None:
        """Do ``action`` whenever records have been written."""
        self._then.append(action)

    def hold(self, transport: asyncio.BaseTransport) -> asyncio.Transport:
        """The same connection, on which small writes wait for the end of a turn that has a record."""
        return cast("asyncio.Transport", HeldTransport(self, cast("asyncio.Transport", transport)))

    def add(self, held: "HeldTransport") -> None:
        """Have ``held`` send at the end of this turn."""
        self._held.append(held)
        if len(self._held) >= MOST:
            self.flush()

    def flush(self) -> None:
        """Write everything that waits, now."""
        for write, lines in self._records:
            if lines:
                together = b"".join(lines)
                lines.clear()
                write(together)
        for action in self._then:
            action()
        while self._held:
            self._held.popleft().release()

    def _promise(self) -> None:
        try:
            self._loop.call_soon(self._end)
            self.waits = True
        except RuntimeError:  # the loop is closed: what is told now is told by those it left behind
            self.flush()

    def _end(self) -> None:
        self.waits = False
        try:
            self.flush()
        finally:
            if self._held:  # one of them failed, which is no reason to forget the others
                self._promise()


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
            self._transport.write(data)

    def release(self) -> None:
        """Send what is held, unless the connection is gone."""
        data, self._data = self._data, None
        if data is not None and not self._transport.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        """Whatever else a transport can do, which is then done after what is held."""
        self._turn.flush()
        return getattr(self._transport, name)
