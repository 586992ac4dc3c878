"""A real server around one service, with just the links a test is about."""

import asyncio
import json
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, web

from pi_server.config import Config, ServiceSection
from pi_server.discovery.mounting import Mounting
from pi_server.domain.call import Call
from pi_server.domain.chain import Chain
from pi_server.domain.consumer import Consumer
from pi_server.domain.envelope import ENVELOPES, Envelope
from pi_server.domain.service import Service
from pi_server.domain.turn import Turn
from pi_server.server.connections.protocol import Runner
from pi_server.web.application import Links, Site
from pi_server.web.body import Patience
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.correlation import correlation
from pi_server.web.middleware.recovery import recovery
from pi_server.web.sessions.csrf_tokens import FormToken
from pi_server.web.state import CONSUMER

Link = Callable[[Handler], Handler]

PATIENCE = Patience()
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Chained:
    """The server: ``session`` begins there, ``port`` is for raw bytes."""

    session: ClientSession
    port: int

    async def ask(self, verb: str, path: str, **given: Any) -> tuple[int, dict[str, str], bytes]:
        """Status, headers with names in lower case, and body of an answer, as it came."""
        async with self.session.request(verb, path, **given) as response:
            body = await response.read()
            return response.status, {name.lower(): value for name, value in response.headers.items()}, body

    async def raw(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        """Everything that is answered to these bytes until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            return await asyncio.wait_for(reader.read(), 60)
        except ConnectionError:
            return b""
        finally:
            writer.close()


@asynccontextmanager
async def chained(
    service: Service,
    *,
    outside: tuple[Link, ...] = (),
    inside: tuple[Link, ...] = (),
    patience: Patience = PATIENCE,
    body_limit: int = 2**20,
) -> AsyncGenerator[Chained]:
    """Serve with ``outside`` around recovery and ``inside`` within it; ``patience`` is that of every operation."""
    mounts = Mounting(Config(), "sample", ServiceSection(), service).mounts()

    def outer(envelope: Envelope) -> Chain[Handler]:
        return Chain(correlation(("activityid",)), *outside, recovery(envelope), *inside)

    site = Site(Links(outer=outer, inner=lambda _: Chain(), form_token=_no_token, patience=patience), "semantic")
    site.mount(mounts)
    runner = Runner(
        site.answer,
        outer(ENVELOPES["semantic"]),
        Turn(),
        body_limit=body_limit,
        access_log=None,
        auto_decompress=False,
        lingering_time=0.5,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with ClientSession(
            f"http://127.0.0.1:{port}", auto_decompress=False, cookie_jar=DummyCookieJar()
        ) as session:
            yield Chained(session, port)
    finally:
        await runner.cleanup()


def _no_token(realm: str) -> FormToken:
    async def token(call: Call) -> str:
        return ""

    return token


def as_consumer(header: str = "x-consumer") -> Link:
    """A link that believes whoever says who it is."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            if name := request.headers.get(header):
                request[CONSUMER] = Consumer(name, kind="token")
            return await handler(request)

        return handle

    return link


def code_of(body: bytes) -> str:
    """The code of the fault an envelope tells."""
    return str(json.loads(body)["error"]["code"])


@cache
def bomb(size: int) -> bytes:
    """Gzip of so many zeros."""
    packing = zlib.compressobj(9, wbits=31)
    block = bytes(2**20)
    packed = b"".join(packing.compress(block) for _ in range(size // len(block)))
    return packed + packing.flush()
