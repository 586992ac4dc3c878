"""The shipped nginx configuration, run by a real nginx before a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from io import BytesIO

import aiohttp
import pytest

from tests.daemon.proxies import nginx
from tests.daemon.servers import daemon
from tests.docs.pages import ROOT

SHIPPED = (ROOT / "deploy/nginx/pi-server.conf").read_text()


def inside() -> str:
    """The shipped text, with the two addresses of this run, and times a test can wait for."""
    text = SHIPPED.replace("{", "{{").replace("}", "}}")
    for shipped, here in (
        ("server 127.0.0.1:8080; ", "server {upstream}; "),
        ("listen 80;", "listen {port};"),
        ("client_header_timeout 8s", "client_header_timeout 1s"),
    ):
        assert text.count(shipped) == 1
        text = text.replace(shipped, here)
    return text


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of nginx before a server."""
    folder = tmp_path_factory.mktemp("nginx")
    with (
        daemon(folder, server={"workers": 1}) as server,
        nginx(server.url.removeprefix("http://"), inside()) as address,
    ):
        yield address


async def test_calls_come_through_with_one_correlation_id(front: str) -> None:
    """Nginx makes an id where a consumer sends none, and passes on the one it gets."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{front}/made/up") as answer:
            assert answer.status == 200
            made = answer.headers["activityid"]
        async with session.get(f"{front}/made/up", headers={"activityid": "abc-1"}) as answer:
            assert answer.headers["activityid"] == "abc-1"
    assert len(made) == 32


async def test_what_is_for_the_platform_is_not_for_consumers(front: str) -> None:
    """Health and metrics are asked for at the server itself."""
    async with aiohttp.ClientSession() as session:
        for path in ("livez", "readyz", "metrics", "pid", "addr"):
            async with session.get(f"{front}/{path}") as answer:
                assert answer.status == 404
                assert "nginx" in await answer.text()


async def test_a_body_that_is_too_large_stays_outside(front: str) -> None:
    """413 of nginx; the server never sees it."""
    body = BytesIO(bytes(2 << 20))
    async with aiohttp.ClientSession() as session, session.post(f"{front}/made/up", data=body) as answer:
        assert answer.status == 413
        assert "nginx" in await answer.text()


async def test_headers_that_take_too_long_are_cut_off(front: str) -> None:
    """A slow head is closed by nginx."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(front.rpartition(":")[2]))
    writer.write(b"GET /made/up HTTP/1.1\r\nHost: pi\r\n")
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()


async def test_a_flood_is_slowed_down(front: str) -> None:
    """More than the burst at once is 429."""

    async def ask(session: aiohttp.ClientSession) -> int:
        async with session.get(f"{front}/ping") as answer:
            return answer.status

    connector = aiohttp.TCPConnector(limit=50)
    async with aiohttp.ClientSession(connector=connector) as session:
        statuses = await asyncio.gather(*(ask(session) for _ in range(400)))
    assert set(statuses) == {200, 429}
