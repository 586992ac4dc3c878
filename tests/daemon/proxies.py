"""A real nginx, as an ordinary user or as root may start it."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from tests.parts.processes import free_port, listening
from tests.parts.waiting import wait_until

_AROUND = """
{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{inside}
}}
"""

PLAIN = """
  upstream pi {{ server {upstream}; keepalive 16; keepalive_timeout 60s; }}
  server {{
    listen {port};
    location / {{
      proxy_pass http://pi; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_next_upstream off;
    }}
  }}
"""
"""It keeps connections open, and never asks twice."""


@contextmanager
def nginx(upstream: str, inside: str = PLAIN) -> Generator[str]:
    """A real nginx before ``upstream``, which is an address or ``unix:`` and a path; gives its own address."""
    program = which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program, "nginx was not found: type `sudo apt-get install --no-install-recommends nginx`"
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        user = "user root; " if os.geteuid() == 0 else ""
        within = inside.format(upstream=upstream, port=f"127.0.0.1:{port}")
        config = Path(folder, "nginx.conf")
        config.write_text(_AROUND.format(user=user, folder=folder, inside=within))
        process = subprocess.Popen([program, "-p", folder, "-c", str(config), "-e", "stderr"])
        try:
            wait_until(lambda: listening(port), "nginx")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
