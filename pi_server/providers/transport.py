"""The one place that sends bytes to providers and reads their answers."""

import re
import ssl

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from pi_server.domain.exchange import Exchange
from pi_server.domain.faults import ProviderFailure, ProviderFault
from pi_server.domain.message import WireRequest, WireResponse
from pi_server.domain.turn import Turn
from pi_server.domain.watch import Watch
from pi_server.providers.line import Dialler, Line, Way
from pi_server.providers.proxy import Proxy
from pi_server.providers.settings import ProviderSettings
from pi_server.providers.text import printable

_OWN = "HTTP/1.1\r\nHost: {}\r\nUser-Agent: pi-server\r\nAccept-Encoding: gzip, deflate\r\n"
_TARGET = re.compile(r"[a-zA-Z]+://[^/?#]*([^#]*)")


def kind_of(error: Exception) -> ProviderFailure:
    """Tell which failure an exception of the carrier is."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, HttpProcessingError | aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return "malformed"  # bytes came, but they are not HTTP or end too early
    return "unreachable"


class HttpTransport:
    """A provider's connections: one try for each request, no cookies, no redirects, always a deadline.

    aiohttp's connector dials, does TLS and keeps connections, each of which is a `Line`; the request is written here.
    `aiohttp.ClientSession` would cost three times as much, for what a provider must not get: a cookie jar, redirects,
    proxies of the environment, and a silent second try on a connection found closed.
    """

    def __init__(self, settings: ProviderSettings, tls: ssl.SSLContext | bool = True, turn: Turn | None = None) -> None:
        """Prepare everything that does not change between requests; needs a running loop.

        Requests leave at the end of a ``turn``: that of the API log, so that each is on record before.
        """
        origin = URL(settings.endpoint, encoded=True)
        self._timeout = settings.timeout
        self._watch = Watch()
        proxy, encrypted = Proxy.of(settings), origin.scheme == "https"
        tunnel = proxy.tunnel(origin.raw_host or "", origin.port or 443, tls) if proxy and encrypted else None
        self._dialler = Dialler(settings.reply_limit, settings.connections, tls, turn or Turn(), tunnel)
        self._dialling = aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout)
        asked = None if encrypted else proxy  # a proxy that is asked itself, and wants the whole URL
        self._way = Way(URL(asked.url) if asked else origin, tls)
        self._target = whole if asked else target
        self._own = _OWN.format(origin.host_port_subcomponent) + (asked.header if asked else "")
        self._lines = self._own.count("\n") + 1  # with the empty one at the end

    async def send(self, exchange: Exchange) -> WireResponse:
        """Send the request and read the whole answer before the deadline.

        Raises:
            ProviderFault: unreachable, timeout, malformed or too_large.
        """
        begun = self._watch.now()
        until = exchange.deadline.within(self._timeout, begun)  # no exchange is without an end
        limit = self._watch.until(until)
        sent: float | None = None
        try:
            with limit:
                wire = self._written(exchange.request)
                connection = await self._dialler.connect(self._way, [], self._dialling)
                try:
                    answer = _line(connection).ask(wire, head_only=exchange.request.verb == "HEAD")
                    sent = self._watch.now()  # from here on nobody can tell how much of it the provider has read
                    response = await answer
                except BaseException:
                    connection.close()  # an answer read in part must not be found by the next request
                    raise
                connection.release()
                return response
        except (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError, ValueError) as error:
            kind = "timeout" if limit.expired else kind_of(error)
            reason = printable(f"{type(error).__name__} {error}".strip())
            if kind == "timeout":
                reason += f" ({_spent(exchange, begun, sent, self._watch.now())})"
            raise ProviderFault(kind, reason, sent=sent is not None) from error

    def _written(self, request: WireRequest) -> bytes:
        """The request as bytes; ValueError when a header would begin another line."""
        told = [f"{name}: {value}\r\n" for name, value in request.headers]
        if request.body or request.verb not in ("GET", "HEAD", "DELETE"):
            told.append(f"Content-Length: {len(request.body)}\r\n")
        head = f"{request.verb} {self._target(request.url)} {self._own}{''.join(told)}\r\n"
        if not head.count("\n") == head.count("\r") == len(told) + self._lines:
            raise ValueError("a header holds a line break")
        return head.encode() + request.body

    async def close(self) -> None:
        """Close all connections."""
        await self._dialler.close()


def _line(connection: Connection) -> Line:
    line = connection.protocol
    if not isinstance(line, Line):
        raise aiohttp.ServerDisconnectedError
    return line


def _spent(exchange: Exchange, begun: float, sent: float | None, now: float) -> str:
    """Where the time of an exchange went, this try included."""
    if sent is None:
        return exchange.spent(("connect", now - begun))
    return exchange.spent(("connect", sent - begun), ("answer", now - sent))


def whole(url: str) -> str:
    """What a request line for a proxy names: an absolute URL, without its fragment."""
    return url.partition("#")[0]


def target(url: str) -> str:
    """What a request line names: path and query of an absolute URL."""
    match = _TARGET.match(url)
    named = match[1] if match else ""
    return named if named.startswith("/") else f"/{named}"
