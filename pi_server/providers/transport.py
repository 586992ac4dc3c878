"""The one place that sends bytes to providers and reads their answers."""

import asyncio
import re
import ssl
from collections.abc import Iterable
from pathlib import Path

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from pi_server.domain.exchange import Exchange
from pi_server.domain.faults import ProviderFailure, ProviderFault
from pi_server.domain.message import Headers, HttpVerb, WireRequest, WireResponse
from pi_server.domain.watch import Watch
from pi_server.providers.settings import ProviderSettings
from pi_server.providers.text import printable

_TARGET = re.compile(r"[a-zA-Z]+://[^/?#]*([^#]*)")


def tls_context(ca: Path | None) -> ssl.SSLContext | bool:
    """Trust the certificates in ``ca``, or else the system's; ValueError names a file that cannot be used."""
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca: cannot read certificates from {ca}: {error}") from error


def _readable(headers: Iterable[tuple[str, str]]) -> Headers:
    """Headers whose values can be encoded again: undecodable bytes come as lone surrogates."""
    found = tuple(headers)
    if all(value.isascii() for _, value in found):
        return found
    return tuple((name, _decoded(value)) for name, value in found)


def _decoded(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def kind_of(error: Exception) -> ProviderFailure:
    """Tell which failure an exception of the carrier is."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, HttpProcessingError | aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return "malformed"  # bytes came, but they are not HTTP or end too early
    return "unreachable"


class HttpTransport:
    """A provider's connections: one try for each request, no cookies, no redirects, no proxies, always a deadline.

    aiohttp's connector dials, does TLS and keeps connections, and its parser reads and decompresses; only the request
    is written here.  `aiohttp.ClientSession` above them would cost twice the time, for what a provider must not get:
    a cookie jar, redirects, proxies of the environment, and a silent second try on a connection found closed.
    """

    def __init__(self, settings: ProviderSettings, tls: ssl.SSLContext | bool = True) -> None:
        """Prepare everything that does not change between requests; needs a running loop."""
        loop = asyncio.get_running_loop()
        origin = URL(settings.endpoint, encoded=True)
        self._limit = settings.reply_limit
        self._timeout = settings.timeout
        self._watch = Watch()
        self._clock = loop.time
        self._connector = aiohttp.TCPConnector(limit=settings.connections, ssl=tls)
        self._dialling = aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout)
        self._way = aiohttp.ClientRequest("GET", origin, loop=loop, ssl=tls)  # tells the connector where to, no more
        self._own = f"Host: {origin.host_port_subcomponent}\r\nUser-Agent: pi-server\r\nAccept-Encoding: gzip, deflate"

    async def send(self, exchange: Exchange) -> WireResponse:
        """Send the request and read the whole answer before the deadline.

        Raises:
            ProviderFault: unreachable, timeout, malformed or too_large.
        """
        until = exchange.deadline.within(self._timeout, self._clock())  # no exchange is without an end
        limit = self._watch.until(until)
        try:
            with limit:
                return await self._exchange(exchange.request)
        except (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, ValueError) as error:
            kind = "timeout" if limit.expired else kind_of(error)
            raise ProviderFault(kind, printable(f"{type(error).__name__} {error}".strip())) from error

    async def _exchange(self, request: WireRequest) -> WireResponse:
        wire = self._written(request)
        connection = await self._connector.connect(self._way, [], self._dialling)
        try:
            response = await self._talk(connection, request.verb, wire)
        except BaseException:
            connection.close()  # an answer read in part must not be found by the next request
            raise
        connection.release()
        return response

    async def _talk(self, connection: Connection, verb: HttpVerb, wire: bytes) -> WireResponse:
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(skip_payload=verb == "HEAD", read_until_eof=True, auto_decompress=True)
        transport.write(wire)
        message, content = await protocol.read()
        while message.code < 200:  # said in advance
            message, content = await protocol.read()
        body = await self._read(content, message.code)
        return WireResponse(message.code, _readable(message.headers.items()), body)

    def _written(self, request: WireRequest) -> bytes:
        """The request as bytes; ValueError when a header would begin another line."""
        lines = [f"{request.verb} {target(request.url)} HTTP/1.1", self._own]
        lines += [f"{name}: {value}" for name, value in request.headers]
        if request.body or request.verb not in ("GET", "HEAD", "DELETE"):
            lines.append(f"Content-Length: {len(request.body)}")
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1:
            raise ValueError("a header holds a line break")
        return b"%b\r\n\r\n%b" % (head.encode(), request.body)

    async def _read(self, content: aiohttp.StreamReader, status: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := await content.readany():
            size += len(chunk)
            if size > self._limit:
                raise ProviderFault("too_large", f"more than {self._limit} bytes", status=status)
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def close(self) -> None:
        """Close all connections."""
        await self._connector.close()


def target(url: str) -> str:
    """What a request line names: path and query of an absolute URL."""
    match = _TARGET.match(url)
    named = match[1] if match else ""
    return named if named.startswith("/") else f"/{named}"
