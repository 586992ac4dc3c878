"""A forward proxy: CONNECT for what is encrypted, whole URLs for what is not."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.parts.small_server import serving


@dataclass
class ForwardProxy:
    """Where it listens, what it was asked (the heads of requests), and what it demands in Proxy-Authorization."""

    demands: str = ""
    url: str = ""
    asked: list[str] = field(default_factory=list[str])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, taken to one place."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode())
        if self.demands and f"\r\nProxy-Authorization: {self.demands}\r\n" not in self.asked[-1]:
            writer.write(b"HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
        else:
            await self._take(head, reader, writer)

    async def _take(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verb, named, _ = head.decode().split(" ", 2)
        parts = urlsplit(f"//{named}" if verb == "CONNECT" else named)
        behind, there = await asyncio.open_connection(parts.hostname, parts.port)
        if verb == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            there.write(head.replace(named.encode(), (parts.path + (parts.query and f"?{parts.query}")).encode(), 1))
        try:
            await asyncio.gather(_pump(reader, there), _pump(behind, writer))
        finally:
            there.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def forward_proxy(demands: str = "") -> AsyncGenerator[ForwardProxy]:
    """Run a proxy until left."""
    proxy = ForwardProxy(demands)
    async with serving(proxy.serve) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy
