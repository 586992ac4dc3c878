"""What a consumer sends, measured where it comes in: heads by size and time, chunks by what stands around them."""

from collections.abc import Sequence
from typing import Protocol

from aiohttp import StreamReader
from aiohttp.http import HttpProcessingError, HttpRequestParser, RawRequestMessage

from pi_server.domain.connections import ConnectionLimits

HEADERS_TOO_LARGE = 431
"""The code of the error for a head that is too large; any other is bytes that are no HTTP."""

Found = tuple[Sequence[tuple[RawRequestMessage, StreamReader]], bool, bytes]


class Receiving(Protocol):
    """The connection the bytes came from."""

    @property
    def holds_back(self) -> bool:
        """Whether bytes wait to be parsed, because nobody has read those before them."""
        ...

    def now(self) -> float:
        """The time of the loop."""
        ...

    def refuse_body(self, body: StreamReader) -> None:
        """End a body that is not worth reading on."""
        ...


class Intake:
    """aiohttp's parser, whose every piece is measured; a request that comes in one piece costs one comparison."""

    __slots__ = (
        "_body",
        "_connection",
        "_feed",
        "_head",
        "_limits",
        "_raw",
        "begun",
        "feed_eof",
        "message_consumed",
        "pause_reading",
        "set_upgraded",
    )

    def __init__(self, parser: HttpRequestParser, limits: ConnectionLimits, connection: Receiving) -> None:
        self._feed = parser.feed_data
        self.feed_eof = parser.feed_eof
        self.message_consumed = parser.message_consumed
        self.pause_reading = parser.pause_reading
        self.set_upgraded = parser.set_upgraded
        self._limits = limits
        self._connection = connection
        self._head = 0  # bytes of a head that is not complete
        self._body: StreamReader | None = None  # the one that is arriving
        self._raw = -1  # what came of it, with all that stands around its chunks; negative where it has none
        self.begun = connection.now()
        """When the head that is not complete began to be waited for; 0 while none is."""

    def feed_data(self, data: bytes) -> Found:
        """As the parser does.

        Raises:
            HttpProcessingError: no HTTP, or headers or chunks that are too large.
        """
        found: Found = self._feed(data)
        if found[0]:
            self._heads(found[0], len(data))
        elif self._body is not None:
            self._more(self._body, len(data))
        elif data:
            self._begin(len(data))
        return found

    def _heads(self, complete: Sequence[tuple[RawRequestMessage, StreamReader]], came: int) -> None:
        came += self._head
        self.begun = self._head = 0
        if came > self._limits.headers:
            for message, _ in complete:
                if _size(message) > self._limits.headers:
                    raise _too_large()
        message, body = complete[-1]
        self._body = None if body.is_eof() else body
        self._raw = -1
        if message.chunked:
            self._raw = max(0, came - _size(message)) if len(complete) == 1 else 0
            if self._is_hollow(body):
                raise HttpProcessingError(code=400, message="too much around the chunks of a body")

    def _more(self, body: StreamReader, came: int) -> None:
        if self._raw >= 0:
            self._raw += came
            if self._is_hollow(body):
                self._connection.refuse_body(body)
        if body.is_eof():
            self._body = None

    def _begin(self, came: int) -> None:
        if not self.begun:
            self.begun = self._connection.now()
        self._head += came
        if self._head > self._limits.headers:
            raise _too_large()

    def _is_hollow(self, body: StreamReader) -> bool:
        """Whether more stands around the chunks than in them; not known while bytes wait to be parsed."""
        around = self._raw - body.total_bytes
        return around > self._limits.chunks + body.total_bytes and not self._connection.holds_back


def _size(message: RawRequestMessage) -> int:
    """Bytes of a head, but for what the parser has left out."""
    fields = sum(len(name) + len(value) + 4 for name, value in message.raw_headers)
    return len(message.method) + len(message.path) + len(" HTTP/1.1\r\n\r\n") + fields


def _too_large() -> HttpProcessingError:
    return HttpProcessingError(code=HEADERS_TOO_LARGE, message="the headers are too large")
