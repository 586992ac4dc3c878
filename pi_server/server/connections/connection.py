"""One consumer's connection: aiohttp's, within limits of time and size, and answered at the end of a turn."""

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.http import HttpRequestParser

from pi_server.domain.connections import ConnectionLimits, Connections, Overdue
from pi_server.domain.turn import HeldTransport, Turn
from pi_server.server.connections.answer import Told, keeps_alive, plain
from pi_server.server.connections.intake import HEADERS_TOO_LARGE, Intake
from pi_server.server.connections.untaken import Untaken
from pi_server.web.endpoint import Handler

NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: pi-server\r\nRetry-After: 1\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
"""What a connection is told that there is no room for."""


_NO_LINGER = struct.pack("ii", 1, 0)


class Listener(web.Server):
    """What the connections of one worker share: how they are counted, and the answers to what is no request."""

    counted: Connections
    turn: Turn
    untaken: Untaken
    draining: bool
    malformed: Handler
    headers_too_large: Handler


class Connection(web.RequestHandler):
    """Answers at the end of a turn; bytes that are no HTTP without repeating them, and then closes."""

    __slots__ = ("_address", "_counted", "_held", "_listener", "_moved", "_sent")

    def __init__(self, listener: Listener, **settings: Any) -> None:
        limits = listener.counted.limits
        bounds: dict[str, Any] = {
            "max_line_size": limits.line,
            "max_field_size": limits.line,
            "max_headers": limits.fields,
        }
        super().__init__(listener, **settings, **bounds)
        self._max_msg_queue_size = limits.pipelined
        self._msg_queue_resume_size = limits.pipelined // 2
        parser = HttpRequestParser(  # aiohttp's own lets more requests wait
            self,
            self._loop,
            self._read_bufsize,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=limits.pipelined,
            **bounds,
        )
        self._parser = cast("Any", Intake(parser, limits, self))
        self._listener = listener
        self._held: HeldTransport | None = None
        self._address = ""
        self._counted = False
        self._sent, self._moved = 0, 0.0  # what was taken of all answers, and when that was last more than before

    @property
    def holds_back(self) -> bool:
        """Whether bytes wait to be parsed."""
        return self._reading_paused or self._buffer_paused

    def now(self) -> float:
        """The time of the loop."""
        return self._loop.time()

    @property
    def limits(self) -> ConnectionLimits:
        """What it may cost."""
        return self._listener.counted.limits

    def admitted(self, peer: object, file: int) -> bool:
        """Whether there is room for it; then it counts until it is lost or, where it is never made, has `left`."""
        self._address = str(cast("tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else ""
        self._counted = not self._listener.counted.admit(self._address, file)
        return self._counted

    def left(self, *, late: bool) -> None:
        """It was never made, maybe as its consumer took too long; one that was made is counted out when it is lost."""
        if not self._counted or self._held is not None:
            return
        self._counted = False
        self._listener.counted.leave(self._address, vanished=False)
        if late:
            self._late("head")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve the consumer, if there is room for one more."""
        held = self._listener.turn.hold(transport)
        seen = transport.get_extra_info
        if not self._counted and not self.admitted(seen("peername"), seen("socket").fileno()):
            held.write(NO_ROOM)
            held.close()
            return
        self._held = cast("HeldTransport", held)
        super().connection_made(held)

    def close(self) -> None:
        """Serve nothing more; and end it at once where nothing is being served, for which aiohttp would only wait."""
        idle = self._waiter is not None and not self._waiter.done()
        super().close()
        if idle:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it out."""
        if self._held is not None:
            self._listener.counted.leave(self._address, vanished=self._request_in_progress and self._moved >= 0)
            self._held, self._counted = None, False
            self._listener.untaken.discard(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Make room for what its consumer has not taken yet."""
        super().pause_writing()
        self._listener.untaken.add(self)

    def resume_writing(self) -> None:
        """Its consumer has caught up."""
        super().resume_writing()
        self._listener.untaken.discard(self)

    @property
    def taken(self) -> int:
        """Bytes of all answers so far that its consumer has acknowledged."""
        if self._held is None:
            return 0
        left = self._held.written - self.untaken
        with suppress(OSError):  # its socket is being closed
            kept = ioctl(self._held.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
            left -= int.from_bytes(kept, sys.byteorder)
        return left

    @property
    def untaken(self) -> int:
        """Bytes that wait in this process."""
        return 0 if self._held is None else self._held.get_write_buffer_size()

    def give_up(self) -> None:
        """End it, and forget what has not left."""
        if self._held is not None and not self._held.is_closing():
            self._end_of_writing(self._held, "untaken")

    def look(self, now: float) -> None:
        """End it if its consumer takes too long to send headers, or to take an answer."""
        limits, intake, held = self.limits, cast("Intake | None", self._parser), self._held
        if intake is None or held is None:
            return
        if intake.begun and self._waiter is None:
            intake.begun = now  # it is answered meanwhile
        elif intake.begun and now - intake.begun > limits.head:
            self._late("head")
            self.force_close()
        unsent = held.get_write_buffer_size()
        if not unsent or held.written - unsent != self._sent:
            self._sent, self._moved = held.written - unsent, now
        elif now - self._moved > limits.write:
            self._end_of_writing(held, "write")

    def _end_of_writing(self, held: HeldTransport, what: Overdue) -> None:
        self._late(what)
        self._moved = -1.0
        _reset(held)

    def _late(self, what: Overdue) -> None:
        self._listener.counted.late(what, self._address)

    def refuse_body(self, body: StreamReader) -> None:
        """Let whoever reads the body refuse it; where nobody does, end the connection."""
        if self._request_in_progress:
            self.close()
            body.set_exception(web.RequestPayloadError("too much around its chunks"))
            body.feed_eof()
        elif self._held is not None:
            _reset(self._held)

    @property
    def idle(self) -> bool:
        """Whether it serves no request."""
        return self._current_request is None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[Any, bool]:
        """Send the answer; it tells the consumer to connect anew where this server is about to stop.

        aiohttp is told of it, and not given it: it would keep it until the next request.
        """
        if self._listener.draining:
            resp.force_close()
        data = plain(request, resp)
        if data is None:
            sent, gone = await super().finish_response(request, resp, start_time)
            return Told(bool(sent.keep_alive)), gone
        transport = self.transport
        if transport is None or transport.is_closing():
            return resp, True
        transport.write(data)
        if self.writing_paused:  # what was asked next waits until this is taken, or a few requests fill the memory
            try:
                await request.writer.drain()
            except ConnectionError:
                return resp, True
        return Told(keeps_alive(request, resp)), False

    def _make_error_handler(self, err_info: Any) -> Any:
        too_large = getattr(err_info.exc, "code", 0) == HEADERS_TOO_LARGE
        refuse = self._listener.headers_too_large if too_large else self._listener.malformed

        async def handle(request: web.Request) -> web.StreamResponse:
            response = await refuse(request.clone(method="-", rel_url="-", headers={}))
            response.force_close()
            return response

        return handle


def _reset(transport: HeldTransport) -> None:
    """End a connection together with what the system still holds for it."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
