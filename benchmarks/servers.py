"""The servers that are measured, each as its user starts it, and the provider they ask."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from benchmarks.load import Request
from benchmarks.processes import OTHER_CORE, SERVER_CORE, free_port, listening, running
from benchmarks.rounds import Contender

TOKEN = "a service token of the benchmark"  # noqa: S105 - worth nothing outside it
HEADERS = {"x-srv-token": TOKEN}
LATEST = "/api/rates/v1.0/latest/EUR"
GIN = Path(__file__).parent / "peers" / "gin" / "main.go"
WITHDRAW = "/api/account/v1.0/withdraw"


@contextmanager
def stub(reply: Literal["rest", "soap"], folder: Path, delay: float = 0) -> Generator[Contender]:
    """The provider stub, which answers after ``delay`` seconds."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.stub", "--port", str(port), "--reply", reply, "--delay", str(delay)]
    with running(OTHER_CORE, command, folder / f"stub-{port}.log", lambda: listening(port)) as pid:
        yield Contender("the provider stub alone", pid, Request(f"http://127.0.0.1:{port}"))


OFF: dict[str, Any] = {"retry": {"times": 0}, "breaker": {"failures": 0}, "bulkhead": {"in_flight": 0}}
"""A provider's policies, all switched off but the deadline."""


def configuration(port: int, folder: Path, market: str, bank: str, policies: dict[str, Any]) -> dict[str, Any]:
    """All three plugins, their logs in ``folder``; ``policies`` of the market, where they are not as they come."""
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    same = {"traceparent": False}  # its peers send none
    account = {"company": "core bank", "endpoint": bank, "wsdl": "files/withdraw.wsdl", "timeout": "5s"}
    return {
        "server": {"host": "127.0.0.1", "port": port, "data_dir": str(folder), "timeout": "15s"},
        "logs": {"dir": str(folder / "logs"), "access": {"output": "access.log"}, "api_level": "full"},
        "tokens": {"bench": {"sha256": digest, "scopes": ["*"]}},
        "services": {
            "sample_service": {"enabled": True, "my_simple_conf": "ok"},
            "exchange_rates": {
                "enabled": True,
                "market": {
                    "name": "market",
                    "company": "market",
                    "endpoint": market,
                    "timeout": "5s",
                    **same,
                    **policies,
                },
            },
            "account_withdrawal": {"enabled": True, "bank": account},
        },
    }


def ours_command(
    port: int, folder: Path, market: str = "", bank: str = "", policies: dict[str, Any] | None = None
) -> list[str]:
    """``pi-server run`` with a configuration of its own."""
    folder.mkdir(exist_ok=True)
    nowhere = "http://127.0.0.1:9"
    file = folder / "config.yaml"
    file.write_text(
        json.dumps(configuration(port, folder, market or nowhere, bank or nowhere, policies or {}))
    )  # JSON is YAML
    return [sys.executable, "-m", "benchmarks.as_installed", "run", "--config", str(file)]


@contextmanager
def ours(
    folder: Path, path: str, market: str = "", bank: str = "", body: str = "", *, bare: bool = False
) -> Generator[Contender]:
    """pi_server, asked for ``path``; ``bare`` is without the policies of its provider."""
    port, here = free_port(), folder / ("ours-bare" if bare else "ours")
    command = ours_command(port, here, market, bank, OFF if bare else None)
    with running(SERVER_CORE, command, here.with_suffix(".log"), lambda: listening(port)) as pid:
        headers = HEADERS | ({"Content-Type": "application/json"} if body else {})
        name = "pi_server without policies" if bare else "pi_server"
        yield Contender(name, pid, Request(f"http://127.0.0.1:{port}{path}", headers, body))


@contextmanager
def bare_aiohttp(folder: Path) -> Generator[Contender]:
    """One handler and nothing else."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.ping", "--port", str(port)]
    with running(SERVER_CORE, command, folder / "ping.log", lambda: listening(port)) as pid:
        yield Contender("bare aiohttp handler", pid, Request(f"http://127.0.0.1:{port}/ping", HEADERS))


@contextmanager
def peer(name: str, module: str, folder: Path, provider: str) -> Generator[Contender]:
    """A peer of the sample call."""
    with _peer(name, [sys.executable, "-m", f"benchmarks.peers.{module}"], folder / module, provider) as contender:
        yield contender


@contextmanager
def gin(folder: Path, provider: str) -> Generator[Contender]:
    """The peer in Go, built with what Debian packages."""
    program = folder / "gin"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
    subprocess.run(["go", "build", "-o", program, GIN], env=environment, check=True)
    with _peer("Go, gin", [str(program)], folder / "gin_peer", provider) as contender:
        yield contender


@contextmanager
def _peer(name: str, command: list[str], logs: Path, provider: str) -> Generator[Contender]:
    port = free_port()
    options = {"port": str(port), "provider": provider, "token": TOKEN, "logs": str(logs)}
    for option, value in options.items():
        command += [f"--{option}", value]
    with running(SERVER_CORE, command, logs.with_suffix(".log"), lambda: listening(port)) as pid:
        yield Contender(name, pid, Request(f"http://127.0.0.1:{port}{LATEST}", HEADERS))


@contextmanager
def sample_call(folder: Path) -> Generator[tuple[Contender, list[Contender]]]:
    """The provider stub, and the servers that answer the sample call with its help, ours first."""
    with ExitStack() as opened:
        provider = opened.enter_context(stub("rest", folder))
        market = provider.request.url
        yield (
            provider,
            [
                opened.enter_context(ours(folder, LATEST, market=market)),
                opened.enter_context(ours(folder, LATEST, market=market, bare=True)),
                opened.enter_context(peer("idiomatic aiohttp", "aiohttp_peer", folder, market)),
                opened.enter_context(peer("FastAPI + httpx", "fastapi_peer", folder, market)),
                opened.enter_context(gin(folder, market)),
            ],
        )
