"""The one place that sends bytes to providers and reads their answers."""

import asyncio
import ssl
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from pi_server.domain.exchange import Exchange
from pi_server.domain.faults import ProviderFailure, ProviderFault
from pi_server.domain.message import Headers, WireRequest, WireResponse
from pi_server.domain.watch import Watch
from pi_server.providers.settings import ProviderSettings
from pi_server.providers.text import printable


@lru_cache(maxsize=512)
def _prepared(url: str) -> URL:
    return URL(url, encoded=True)


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
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return "malformed"  # bytes came, but they are not HTTP or end too early
    return "unreachable"


class HttpTransport:
    """A provider's connections: no cookies, no redirects, no proxies of the environment, and always a deadline."""

    def __init__(self, settings: ProviderSettings, tls: ssl.SSLContext | bool = True) -> None:
        """Prepare everything that does not change between requests; needs a running loop."""
        self._limit = settings.reply_limit
        self._timeout = settings.timeout
        self._watch = Watch()
        self._clock = asyncio.get_running_loop().time
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.connections, ssl=tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout),
            headers={"User-Agent": "pi-server"},  # skip_auto_headers would cost 5 us each time
            trust_env=False,
        )
        # aiohttp would send a GET, PUT or DELETE again when a kept connection closes unanswered: a second try that no
        # record tells of.  It has no public switch; a test sees that there is one request.
        self._session._retry_connection = False  # pyright: ignore[reportPrivateUsage]

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
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            kind = "timeout" if limit.expired else kind_of(error)
            raise ProviderFault(kind, printable(f"{type(error).__name__} {error}".strip())) from error

    async def _exchange(self, request: WireRequest) -> WireResponse:
        response = await self._session.request(
            request.verb,
            _prepared(request.url),
            data=request.body or None,
            headers=CIMultiDict(request.headers),
            allow_redirects=False,
        )
        try:
            body = await self._read(response)
        except BaseException:
            response.close()  # an answer read in part must not be found by the next request
            raise
        return WireResponse(response.status, _readable(response.headers.items()), body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := await response.content.readany():
            size += len(chunk)
            if size > self._limit:
                raise ProviderFault("too_large", f"more than {self._limit} bytes", status=response.status)
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
