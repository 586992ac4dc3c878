"""Keys in SQLite and in memory beyond the contract, and how a store is chosen."""

import asyncio
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import KeyStore, StoreTooNewError
from pi_server.stores import sqlite_keys
from pi_server.stores.memory_keys import MemoryKeys
from pi_server.stores.open_keys import open_keys
from tests.parts.waiting import in_time

_COUNTING = """
import asyncio, pathlib, sys
from pi_server.stores.open_keys import open_keys

async def count() -> None:
    keys = await open_keys("sqlite", pathlib.Path(sys.argv[1]), 10.0)
    print(*[await keys.increment("n") for _ in range(200)])
    await keys.close()

asyncio.run(count())
"""
_WITHOUT_REDIS = """
import asyncio, pathlib, sys
sys.modules["redis"] = None
from pi_server.stores.open_keys import open_keys

asyncio.run(asyncio.run(open_keys("memory", pathlib.Path(), 1.0)).close())
try:
    asyncio.run(open_keys(sys.argv[1], pathlib.Path(), 1.0))
except ValueError as error:
    print(error)
"""


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[KeyStore]:
    """A file of its own."""
    store = await open_keys("sqlite", tmp_path, 1.0)
    yield store
    await store.close()


def _rows(folder: Path) -> int:
    with sqlite3.connect(folder / "keys.sqlite3") as connection:
        rows: int = connection.execute("SELECT count(*) FROM kept").fetchone()[0]
    connection.close()
    return rows


async def test_a_file_outlives_its_process_and_is_private(tmp_path: Path) -> None:
    """What was kept is there after opening again; nobody else may read the file or its companions."""
    folder = tmp_path / "made" / "by it"
    keys = await open_keys("sqlite", folder, 1.0)
    await keys.put("k", b"v")
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    await keys.close()
    assert modes == dict.fromkeys(["keys.sqlite3", "keys.sqlite3-wal", "keys.sqlite3-shm"], 0o600)
    again = await open_keys("sqlite", folder, 1.0)
    assert await again.get("k") == b"v"
    await again.close()


async def test_processes_share_a_file(tmp_path: Path) -> None:
    """Four processes that begin together and count at once are given 800 different numbers."""
    command = [sys.executable, "-c", _COUNTING, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    counted = [int(number) for process in running for number in process.communicate(timeout=60)[0].split()]
    assert sorted(counted) == list(range(1, 801))


async def test_a_writer_that_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    """While another process holds the file, reading goes on and writing is refused in time; then it is served."""
    keys = await open_keys("sqlite", tmp_path, 0.2)
    await keys.put("k", b"v")
    other = sqlite3.connect(tmp_path / "keys.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def refused() -> None:
        with pytest.raises(StoreUnavailable, match=r"keys\.sqlite3"):
            await keys.put("k", b"w")

    await in_time(4, refused)  # SQLite of itself waits for five seconds
    assert await keys.get("k") == b"v"
    other.rollback()
    other.close()
    assert await keys.increment("n") == 1
    await keys.close()


async def test_a_later_schema_is_not_touched(tmp_path: Path, keys: KeyStore) -> None:
    """A file of a later version is refused by name."""
    await keys.close()
    with sqlite3.connect(tmp_path / "keys.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(StoreTooNewError, match=r"keys\.sqlite3 has the schema 2"):
        await open_keys("sqlite", tmp_path, 1.0)


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """Another file, or a directory in its place, is a plain refusal that names it."""
    (tmp_path / "keys.sqlite3").write_text("this is a letter, not a database" * 100)
    with pytest.raises(StoreUnavailable, match=r"keys\.sqlite3"):
        await open_keys("sqlite", tmp_path, 1.0)
    (tmp_path / "folder" / "keys.sqlite3").mkdir(parents=True)
    with pytest.raises(StoreUnavailable, match=r"keys\.sqlite3"):
        await open_keys("sqlite", tmp_path / "folder", 1.0)


async def test_a_closed_file_refuses(keys: KeyStore) -> None:
    """After closing, everything is refused as from a store that is away."""
    await keys.close()
    for ask in (keys.get("k"), keys.put("k", b"v"), keys.ping()):
        with pytest.raises(StoreUnavailable):
            await ask


async def test_expired_rows_are_swept(tmp_path: Path, keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that ended leave the file with later writes, a few hundred each time; those that live stay."""
    for number in range(700):
        await keys.put(f"k{number}", b"v", lasting=0.001)
    await keys.put("stays", b"v", lasting=60)
    assert _rows(tmp_path) == 701
    monkeypatch.setattr(sqlite_keys, "monotonic", lambda: time.monotonic() + 3600)
    await keys.put("one", b"v")
    await keys.put("two", b"v")
    assert _rows(tmp_path) == 3


async def test_a_clock_put_forward_ends_values_early(keys: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour forward ends what lasts a minute and nothing else; back again, it is as it was."""
    await keys.put("minute", b"v", lasting=60)
    await keys.put("day", b"v", lasting=86_400)
    await keys.put("for ever", b"v")
    monkeypatch.setattr(sqlite_keys, "time", lambda: time.time() + 3600)
    assert await keys.get_many(["minute", "day", "for ever"]) == [None, b"v", b"v"]
    monkeypatch.setattr(sqlite_keys, "time", lambda: time.time() - 3600)
    assert await keys.get_many(["minute", "day", "for ever"]) == [b"v", b"v", b"v"]


async def test_memory_lets_go_of_what_ended() -> None:
    """An expired value is let go although nobody asks for it again."""
    value = random.randbytes(100)
    held = sys.getrefcount(value)
    keys = MemoryKeys()
    await keys.put("k", value, lasting=0.001)
    await asyncio.sleep(0.01)
    for number in range(3000):
        await keys.put(f"k{number}", b"v", lasting=0.001)
    assert sys.getrefcount(value) == held


@pytest.mark.parametrize("where", ["redis://127.0.0.1:1/0", "127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2"])
def test_a_missing_driver_is_named(where: str) -> None:
    """Without redis installed the other stores work, and Redis is refused with the command that installs it."""
    command = [sys.executable, "-c", _WITHOUT_REDIS, where]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "pip install 'pi-server[redis]'" in said


@pytest.mark.parametrize(
    "where",
    [
        "redis://:hidden@h:6379/zero",
        "redis://:hidden@h/0?no_such=1",
        "redis://:hidden@h/?db=x",
        "redis://:hidden@h/0/1",
    ],
)
async def test_a_wrong_url_is_refused_at_once(where: str, tmp_path: Path) -> None:
    """A database that is no number, or an option nobody knows, is a ValueError that does not tell the password."""
    with pytest.raises(ValueError, match=r"Redis URL|connection URL") as refused:
        await open_keys(where, tmp_path, 1.0)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "where",
    ["redis://h:6379/2", "rediss://u:p@h", "redis://h?socket_timeout=60&decode_responses=1", "h:1", "[::1]:1, h:2"],
)
async def test_opening_asks_nobody(where: str, tmp_path: Path) -> None:
    """Every form of address opens without a server; an option of a URL changes neither our bounds nor bytes."""
    await (await open_keys(where, tmp_path, 1.0)).close()
