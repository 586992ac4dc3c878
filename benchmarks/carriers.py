"""What carries a request to a provider: one pooled POST at eight at a time, in this process, without any policy."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import aiohttp
import uvloop
from pyreqwest.client import ClientBuilder
from yarl import URL

from benchmarks.load import CONNECTIONS
from benchmarks.servers import stub
from benchmarks.table import Table
from pi_server.domain.call import Call
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.message import WireRequest
from pi_server.providers.settings import RestSettings
from pi_server.providers.transport import HttpTransport

BODY = b'{"amount": "10.00", "account": "42"}' * 10
JSON = {"Content-Type": "application/json"}
_POSTS = 4000  # in each round

Post = Callable[[], Awaitable[bytes]]
"""Asks once, and reads the whole answer."""


@asynccontextmanager
async def _ours(url: str) -> AsyncGenerator[Post]:
    transport = HttpTransport(RestSettings(endpoint=url))
    exchange = Exchange(Call(), Endpoint(url, "stub", "stub"), WireRequest("POST", url, tuple(JSON.items()), BODY))

    async def post() -> bytes:
        return (await transport.send(exchange)).body

    try:
        yield post
    finally:
        await transport.close()


@asynccontextmanager
async def _session(url: str) -> AsyncGenerator[Post]:
    prepared = URL(url)
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session:

        async def post() -> bytes:
            async with session.post(prepared, data=BODY, headers=JSON, allow_redirects=False) as response:
                return await response.read()

        yield post


@asynccontextmanager
async def _pyreqwest(url: str) -> AsyncGenerator[Post]:
    async with ClientBuilder().build() as client:

        async def post() -> bytes:
            response = await client.post(url).headers(JSON).body_bytes(BODY).build().send()
            return bytes(await response.bytes())

        yield post


CARRIERS = {"pi_server": _ours, "aiohttp ClientSession": _session, "pyreqwest": _pyreqwest}


def measure(folder: Path, rounds: int, _: float) -> list[Table]:
    """Processor time of this process, all its threads, for one POST."""
    with stub("rest", folder) as provider:
        taken = uvloop.run(_interleaved(provider.request.url, rounds))
    ours = taken["pi_server"]
    rows = [
        [name, f"{median(times):.0f} ({min(times):.0f}-{max(times):.0f})", f"{_times(times, ours):.2f}x"]
        for name, times in taken.items()
    ]
    return [Table("One pooled POST to a provider", ["carrier", "CPU us", "times ours"], rows)]


def _times(theirs: list[float], ours: list[float]) -> float:
    return median(a / b for a, b in zip(theirs, ours, strict=True))


async def _interleaved(url: str, rounds: int) -> dict[str, list[float]]:
    async with AsyncExitStack() as opened:
        posts = {name: await opened.enter_async_context(carrier(f"{url}/pay")) for name, carrier in CARRIERS.items()}
        for post in posts.values():
            await _cost(post, _POSTS // 10)
        taken: dict[str, list[float]] = {name: [] for name in posts}
        for _ in range(rounds):
            for name, post in posts.items():
                taken[name].append(await _cost(post, _POSTS))
    return taken


async def _cost(post: Post, count: int) -> float:
    async def some() -> None:
        for _ in range(count // CONNECTIONS):
            await post()

    start = time.process_time()
    await asyncio.gather(*(some() for _ in range(CONNECTIONS)))
    return (time.process_time() - start) / count * 1e6
