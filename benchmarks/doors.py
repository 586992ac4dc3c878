"""The servers of the chain: ours with a plugin made for it, and its peers."""

import json
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.credentials import ISSUER, KEY, KEY_ID, REALM, token, tokens
from benchmarks.load import Request
from benchmarks.order import BODY
from benchmarks.processes import SERVER_CORE, free_port, listening, running
from benchmarks.rounds import Contender

ROOT = "/api/bench/v1.0"
MANY = "1000000/second"
PEERS = {"idiomatic aiohttp": "aiohttp_chain", "FastAPI": "fastapi_chain", "BlackSheep": "blacksheep_chain"}

_METADATA = "Metadata-Version: 2.1\nName: pi-benchmark\nVersion: 1.0\n"


@dataclass(frozen=True, slots=True)
class Door:
    """A running server with the service of the benchmark, and how to ask it; ``log`` is where it tells of calls."""

    name: str
    pid: int
    address: str
    log: Path

    def asked(self, path: str, *, cookie: bool = True, fresh: bool = False) -> Contender:
        """Asked for ``path`` with a token, ``fresh`` for each request or always the same, and with a session or not.

        Both are made right before a run: tokens end, and a session a minute old is renewed, which browsers see to.
        """

        def shown() -> Mapping[str, str]:
            once = {} if fresh else {"Authorization": f"Bearer {token()}"}
            return once | ({"Cookie": self.login()} if cookie else {})

        return Contender(
            self.name, self.pid, Request(self.address + path, late=shown, tokens=tokens if fresh else None)
        )

    def ordered(self) -> Contender:
        """Given an order of one kilobyte."""
        return Contender(
            self.name, self.pid, Request(f"{self.address}/orders", {"Content-Type": "application/json"}, BODY)
        )

    def login(self) -> str:
        """The header that a browser sends once somebody has signed in."""
        place = urlsplit(self.address)
        connection = HTTPConnection(place.netloc, timeout=5)
        try:
            connection.request("POST", f"{place.path}/login")
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        cookies = SimpleCookie("\n".join(answer.headers.get_all("Set-Cookie", [])))
        if answer.status != 200 or not cookies:
            raise RuntimeError(f"{self.name} did not sign anybody in: {answer.status}")
        return "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items())


def configuration(port: int, folder: Path, rates: Mapping[str, str]) -> dict[str, Any]:
    """The chain of a JWT, in front of the service of the benchmark."""
    return {
        "server": {"host": "127.0.0.1", "port": port, "data_dir": str(folder), "timeout": "15s"},
        "logs": {"dir": str(folder / "logs"), "access": {"output": "access.log"}},
        "chains": {"door": ["jwt"]},
        "jwt": {"issuer": ISSUER, "keys": {KEY_ID: {"algorithm": "HS256", "secret": KEY}}},
        "limits": {"rates": dict(rates)},
        "services": {"bench": {"enabled": True, "chain": "door", "realm": REALM}},
    }


def installed(folder: Path, service: str) -> dict[str, str]:
    """The environment of a process that finds ``service``, an entry point, as if it were installed."""
    info = folder / "site" / "pi_benchmark-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(_METADATA)
    (info / "entry_points.txt").write_text(f"[pi_server.services]\n{service}\n")
    return {**os.environ, "PYTHONPATH": str(info.parent)}


@contextmanager
def ours(folder: Path, name: str = "pi_server", rates: Mapping[str, str] | None = None) -> Generator[Door]:
    """``pi-server run`` with the benchmark's plugin installed beside the others."""
    port, here = free_port(), folder / name.replace(" ", "-")
    environment = installed(here, "bench = benchmarks.service:Bench")
    file = here / "config.yaml"
    file.write_text(json.dumps(configuration(port, here, rates or {})))  # JSON is YAML
    command = [sys.executable, "-m", "benchmarks.as_installed", "run", "--config", str(file)]
    with running(SERVER_CORE, command, here / "out.log", lambda: listening(port), environment) as pid:
        yield Door(name, pid, f"http://127.0.0.1:{port}{ROOT}", here / "logs" / "access.log")


@contextmanager
def peer(folder: Path, name: str, *, whole: bool = True) -> Generator[Door]:
    """A peer behind the whole chain, or behind the links that always stand."""
    port, here = free_port(), folder / PEERS[name]
    command = [sys.executable, "-m", f"benchmarks.peers.{PEERS[name]}", "--port", str(port), "--logs", str(here)]
    command += ["--whole"] if whole else []
    with running(SERVER_CORE, command, folder / f"{PEERS[name]}.log", lambda: listening(port)) as pid:
        yield Door(name, pid, f"http://127.0.0.1:{port}{ROOT}", here / "access.log")


@contextmanager
def peers(folder: Path, *, whole: bool = True) -> Generator[list[Door]]:
    """All peers."""
    with ExitStack() as opened:
        yield [opened.enter_context(peer(folder, name, whole=whole)) for name in PEERS]
