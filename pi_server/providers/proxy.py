"""The way through an HTTP proxy; only one that the configuration names is ever used."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from pi_server.providers.credentials.credential import basic
from pi_server.providers.settings import ProviderSettings

_LONGEST = 16 * 1024  # bytes of the answer to CONNECT


Tunnel = Callable[[asyncio.Protocol], Awaitable[asyncio.BaseTransport]]
"""Opens a connection for a protocol, which is not told that it is made."""


class Proxy:
    """A proxy, and how it is told who asks."""

    def __init__(self, url: str, user: str | None, password: SecretStr | None) -> None:
        """Take its address, and the credentials it wants, if any."""
        parts = urlsplit(url)
        self.url = url
        self._address = (parts.hostname or "", parts.port or 80)
        self.header = (
            f"Proxy-Authorization: {basic(user, password.get_secret_value())}\r\n" if user and password else ""
        )

    @classmethod
    def of(cls, settings: ProviderSettings) -> Self | None:
        """The proxy of a provider."""
        return cls(settings.proxy, settings.proxy_user, settings.proxy_password) if settings.proxy else None

    def tunnel(self, host: str, port: int, tls: ssl.SSLContext | bool) -> Tunnel:
        """Opens connections with TLS to ``host``; OSError when the proxy does not let it, or ``host`` is another."""
        context = tls if isinstance(tls, ssl.SSLContext) else ssl.create_default_context()
        return partial(self._through, host, port, context)

    async def _through(
        self, host: str, port: int, tls: ssl.SSLContext, protocol: asyncio.Protocol
    ) -> asyncio.BaseTransport:
        loop = asyncio.get_running_loop()
        transport, asking = await loop.create_connection(_Asking, *self._address)
        try:
            name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            transport.write(f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n{self.header}\r\n".encode())
            await asking.opened
            encrypted = await loop.start_tls(transport, protocol, tls, server_hostname=host)
        except BaseException:
            transport.abort()
            raise
        if encrypted is None:
            raise ConnectionAbortedError("the way through the proxy was closed")
        return encrypted


class _Asking(asyncio.Protocol):
    """Waits until the proxy has opened the way."""

    def __init__(self) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._said = b""

    def data_received(self, data: bytes) -> None:
        """Read the head of the answer, after which nobody speaks before we do."""
        self._said += data
        head, end, more = self._said.partition(b"\r\n\r\n")
        if end or len(head) > _LONGEST:
            self._judge(head.split(b" ", 2)[1:2], clean=bool(end) and not more)

    def _judge(self, status: list[bytes], *, clean: bool) -> None:
        if self.opened.done():
            return
        if clean and status == [b"200"]:
            self.opened.set_result(None)
        else:
            told = status[0][:3].decode("ascii", "replace") if status else "nothing of use"
            self.opened.set_exception(ConnectionRefusedError(f"the proxy answered {told} to CONNECT"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("the proxy closed the connection"))
