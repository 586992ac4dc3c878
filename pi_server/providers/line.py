"""One connection to a provider: the bytes that come in become one answer, and only while one is awaited."""

import asyncio
import ssl
import zlib
from functools import partial
from typing import Any

import aiohttp
from aiohttp import hdrs
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.tracing import Trace
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from multidict import istr
from yarl import URL

from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.domain.turn import Turn
from pi_server.providers.proxy import Tunnel

HEAD_LIMIT = 64 * 1024
"""Bytes the headers of an answer may have, and bytes that may come without telling anything new."""

_LEAST = 512  # what a header counts for at least: no answer has more than 128
_USUAL = {str(name).lower().encode(): str(name) for name in vars(hdrs).values() if isinstance(name, istr)}
_BODILESS = frozenset({204, 304})
_STREAMS = 100  # what is packed in more pieces than that is packed to keep us busy
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def _parser(line: "Line") -> HttpResponseParser:
    """A parser as lenient as aiohttp's: about whitespace and line ends, never about where an answer ends."""
    parser = HttpResponseParser(line)
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


class _Unpacking:
    """A body in gzip or deflate, unpacked no further than asked."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._stream: Any = None
        self._streams = 0

    def __call__(self, data: bytes, most: int) -> bytes:
        """At most ``most`` bytes more of the body; `zlib.error` when ``data`` is not what it was said to be."""
        unpacked = b""
        while data and len(unpacked) < most:
            if self._stream is None:
                self._stream = self._begun(data)
            unpacked += self._stream.decompress(data, most - len(unpacked))
            data = self._stream.unused_data
            if self._stream.eof:
                self._stream = None  # another may follow
        return unpacked

    def _begun(self, data: bytes) -> Any:
        self._streams += 1
        if self._streams > _STREAMS:
            raise zlib.error("too many streams")
        bare = self._encoding == "deflate" and data[0] & 0xF != 8  # some leave out the frame around it
        return zlib.decompressobj(-zlib.MAX_WBITS if bare else _WINDOWS[self._encoding])

    @property
    def is_cut(self) -> bool:
        """Whether the end is missing."""
        return self._stream is not None


class Line(ResponseHandler):
    """A kept connection on which one request is asked after the other.

    aiohttp's connector dials it, keeps it and closes it; what that sees of it is `ResponseHandler`'s.  httptools
    parses.  Anything odd (an error, an answer cut short, bytes that nobody asked for) ends in a connection that is not
    used again, so that no request ever reads what belongs to another.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int, turn: Turn) -> None:
        """Take answers of at most ``limit`` bytes, decompressed; send at the end of a ``turn``."""
        super().__init__(loop)
        self._turn = turn
        self._limit = limit
        self._http = _parser(self)
        self._asked: asyncio.Future[WireResponse] | None = None
        self._head_only = False
        self._untold = 0  # bytes since the last that told anything new; what is said in advance tells nothing
        self._headers: list[tuple[str, str]]
        self._body: bytearray
        self._unpack: _Unpacking | None
        self._begin()

    def ask(self, wire: bytes, *, head_only: bool) -> asyncio.Future[WireResponse]:
        """Send a request; its answer, or why there is none, comes with the future.  ``head_only`` is for HEAD.

        Raises:
            aiohttp.ServerDisconnectedError: the connection was closed meanwhile.
        """
        if self.transport is None:
            raise aiohttp.ServerDisconnectedError
        self._head_only = head_only
        self._untold = 0
        self._begin()
        self._asked = self._loop.create_future()
        self.transport.write(wire)
        return self._asked

    @property
    def should_close(self) -> bool:
        """Whether the connector must not keep the connection."""
        return self._should_close or self._asked is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(self._turn.hold(transport))

    def close(self) -> None:
        """Close; what is held still is not sent, for nobody waits for its answer any more."""
        self._turn.take_back(self.transport)
        super().close()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        if self._asked is None:  # nobody asked
            self.close()
            return
        self._untold += len(data)
        try:
            self._http.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(HttpProcessingError(code=400, message=str(error)))
        if self._untold > HEAD_LIMIT:
            self._fail(HttpProcessingError(code=400, message="the answer has too long lines"))

    def connection_lost(self, exc: BaseException | None) -> None:
        """End an answer that has no other end, or tell that it was cut short."""
        if not self._in_body:
            self._fail(aiohttp.ClientOSError(*exc.args) if exc else aiohttp.ServerDisconnectedError())
        elif exc is not None or self._is_framed():
            self._fail(aiohttp.ClientPayloadError("the answer ended early"))
        else:
            self._end()
        super().connection_lost(exc)

    # --- what the parser tells ----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A second answer is one too many."""
        self._should_close = self._should_close or self._asked is None

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or what follows the chunks of a body and is not wanted."""
        if self._in_body:
            return
        usual = _USUAL.get(name.lower())
        text = value.rstrip(b" \t").decode("utf-8", "replace")
        if usual == "Content-Encoding":
            self._encoding = text.lower()
        self._headers.append((usual or name.decode("ascii", "replace"), text))
        self._room -= max(_LEAST, len(name) + len(value))
        if self._room < 0 or "\0" in text:
            self._fail(HttpProcessingError(code=400, message="the headers are too large, or hold a NUL"))

    def on_headers_complete(self) -> None:
        """The head is complete; some answers have nothing else."""
        self._status = self._http.get_status_code()
        if self._status < 200:  # said in advance
            return
        self._in_body = True
        self._untold = 0
        if not self._http.should_keep_alive():
            self._should_close = True
        if self._encoding in _WINDOWS:
            self._unpack = _Unpacking(self._encoding)
        if self._head_only or self._status in _BODILESS:
            self._end()
            self._http = _parser(self)  # the old one may wait for a body that was announced

    def on_body(self, data: bytes) -> None:
        """A part of the body, never let in beyond the limit."""
        if self._asked is None:
            self._should_close = True
            return
        self._untold = 0
        if self._unpack is not None:
            try:
                data = self._unpack(data, self._limit - self._size + 1)
            except zlib.error as error:
                self._fail(aiohttp.ClientPayloadError(f"the body cannot be unpacked: {error}"))
                return
        self._size += len(data)
        if self._size > self._limit:
            self._fail(ProviderFault("too_large", f"more than {self._limit} bytes", status=self._status))
        self._body += data

    def on_message_complete(self) -> None:
        """The answer is complete, unless it was only said in advance."""
        if self._status < 200:
            self._begin()
        else:
            self._end()

    # --- the answer ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._status = self._size = 0
        self._room = HEAD_LIMIT
        self._in_body = False
        self._encoding = ""
        self._headers = []
        self._body = bytearray()  # a list of its pieces would be thirty times as large where they are tiny
        self._unpack = None

    def _end(self) -> None:
        if self._unpack is not None and self._unpack.is_cut:
            self._fail(aiohttp.ClientPayloadError("the packed body ended early"))
        asked, self._asked = self._asked, None
        body, self._body = bytes(self._body), bytearray()  # a connection that is kept keeps no answer
        if asked is not None and not asked.done():
            asked.set_result(WireResponse(self._status, tuple(self._headers), body))

    def _fail(self, error: Exception) -> None:
        self._should_close = True
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_exception(error)

    def _is_framed(self) -> bool:
        """Whether the answer told where it ends."""
        told = {name.lower(): value.lower() for name, value in self._headers}
        return "content-length" in told or told.get("transfer-encoding", "").endswith("chunked")


class Dialler(aiohttp.TCPConnector):
    """aiohttp's connector, whose connections are lines."""

    def __init__(
        self, reply_limit: int, connections: int, tls: ssl.SSLContext | bool, turn: Turn, tunnel: Tunnel | None = None
    ) -> None:
        """Dial up to that many ``connections``, for answers of ``reply_limit`` bytes, maybe through a ``tunnel``."""
        super().__init__(limit=connections, ssl=tls)  # pyright: ignore[reportUnknownMemberType] - a part of its types
        loop = asyncio.get_running_loop()
        self._factory: Any = partial(Line, loop, reply_limit, turn)  # aiohttp knows no other way to choose it
        self._tunnel = tunnel

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - theirs
    ) -> ResponseHandler:
        """Dial, as every connector has its own way to; aiohttp's own tunnel would want its own parser."""
        if self._tunnel is None:
            return await super()._create_connection(req, traces, timeout)
        line: Line = self._factory()
        async with asyncio.timeout(timeout.sock_connect):
            line.connection_made(await self._tunnel(line))
        return line


class Way(aiohttp.ClientRequest):
    """Tells the connector where to, no more: it is the same for every request, so its key is made once."""

    def __init__(self, origin: URL, tls: ssl.SSLContext | bool) -> None:
        """To ``origin``; needs a running loop."""
        super().__init__("GET", origin, loop=asyncio.get_running_loop(), ssl=tls)
        self._key = super().connection_key

    @property
    def connection_key(self) -> ConnectionKey:
        """What the connector knows kept connections by."""
        return self._key
