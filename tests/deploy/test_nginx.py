"""The shipped nginx configuration, run by a real nginx before a real server."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Generator
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest

from tests.daemon.proxies import nginx
from tests.daemon.servers import daemon
from tests.docs.pages import ROOT

SHIPPED = (ROOT / "deploy/nginx/pi-server.conf").read_text()


CHAIN = ["session", "jwt", "csrf"]


def inside(cache: Path) -> str:
    """The shipped text, with the addresses and the folder of this run, and times a test can wait for."""
    text = SHIPPED.replace("{", "{{").replace("}", "}}")
    for shipped, here in (
        ("server 127.0.0.1:8080; ", "server {upstream}; "),
        ("listen 80;", "listen {port};"),
        ("client_header_timeout 8s", "client_header_timeout 1s"),
        ("/var/cache/nginx/pi-server", str(cache)),
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
        nginx(server.url.removeprefix("http://"), inside(folder / "cache")) as address,
    ):
        yield address


@pytest.mark.parametrize("header", ["activityid", "X-Correlation-ID", "X-Request-ID"])
async def test_the_correlation_id_of_a_consumer_is_passed_on(front: str, header: str) -> None:
    """Whichever header it comes in."""
    asked = {header: "abc-1"}
    async with aiohttp.ClientSession() as session, session.get(f"{front}/made/up", headers=asked) as answer:
        assert answer.status == 200
        assert answer.headers["activityid"] == "abc-1"


async def test_nginx_makes_a_correlation_id_where_there_is_none(front: str) -> None:
    """So that its log and ours tell of the same call."""
    async with aiohttp.ClientSession() as session, session.get(f"{front}/made/up") as answer:
        assert answer.status == 200
        assert len(answer.headers["activityid"]) == 32


async def test_static_files_with_a_version_are_kept(tmp_path: Path) -> None:
    """Once nginx has one, the server need not be there; an answer that is not public is never kept."""
    with (
        daemon(
            tmp_path, chains={"people": CHAIN}, services={"accounts": {"enabled": True, "chain": "people"}}
        ) as server,
        nginx(server.url.removeprefix("http://"), inside(tmp_path / "cache")) as front,
    ):
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{front}/accounts/signin") as answer:
                (path,) = set(re.findall(r'href="(/accounts/static/[^"]+)"', await answer.text()))
            for _ in range(2):
                async with session.get(f"{front}{path}") as answer:
                    assert answer.status == 200
            await asyncio.to_thread(server.stop)
            async with session.get(f"{front}{path}") as answer:
                assert answer.status == 200
            async with session.get(f"{front}/accounts/signin") as answer:
                assert answer.status == 502


async def test_a_unix_socket_serves_as_well(tmp_path: Path) -> None:
    """With nothing changed but the address."""
    with tempfile.TemporaryDirectory() as short:
        path = Path(short, "pi.sock")
        with (
            daemon(tmp_path, server={"unix": str(path), "workers": 1}),
            nginx(f"unix:{path}", inside(tmp_path / "cache")) as front,
        ):
            async with aiohttp.ClientSession() as session, session.get(f"{front}/made/up") as answer:
                assert answer.status == 200


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
