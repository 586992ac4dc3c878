"""A server behind nginx: what the proxy keeps open survives a reload, and its own retries hide nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import aiohttp
import pytest

from tests.daemon.servers import daemon, load, until
from tests.parts.processes import free_port, listening

CONFIG = """
{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream pi {{ server {upstream}; keepalive 16; keepalive_timeout 60s; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://pi; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream off;
    }}
  }}
}}
"""


@contextmanager
def nginx(upstream: str) -> Generator[str]:
    """A real nginx before ``upstream`` that never asks twice; gives its address."""
    program = which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program, "nginx was not found: type `sudo apt-get install --no-install-recommends nginx`"
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        user = "user root; " if os.geteuid() == 0 else ""
        config = Path(folder, "nginx.conf")
        config.write_text(CONFIG.format(user=user, folder=folder, upstream=upstream, port=port))
        process = subprocess.Popen([program, "-p", folder, "-c", str(config), "-e", "stderr"])
        try:
            until(lambda: listening(port), "nginx")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


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
