"""A server behind nginx: what the proxy keeps open survives a reload, and its own retries hide nothing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import aiohttp
import pytest

from tests.daemon.proxies import nginx
from tests.daemon.servers import daemon, load


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=pytest.mark.slow)])
async def test_reloads_behind_nginx_lose_no_request(tmp_path: Path, times: int) -> None:
    """200 requests a second through connections that nginx keeps open, none of them sent twice."""
    with daemon(tmp_path) as server, nginx(server.url.removeprefix("http://")) as front:
        async with load(f"{front}/made/up", 200) as tally:
            for _ in range(times):
                told = await asyncio.to_thread(server.reload)
                assert told["ok"], told
            await asyncio.sleep(0.5)
        assert not tally.failed
        assert tally.answers["200"] > times * 50


async def test_nginx_reaches_a_unix_socket(tmp_path: Path) -> None:
    """Whose mode lets its group in."""
    with tempfile.TemporaryDirectory() as short:
        path = Path(short, "pi.sock")
        with daemon(tmp_path, server={"unix": str(path)}), nginx(f"unix:{path}") as front:
            async with aiohttp.ClientSession() as session, session.get(f"{front}/made/up") as answer:
                assert answer.status == 200
