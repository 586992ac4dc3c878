"""What is SQLite's own: one file, several processes."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.filters import Filter, where
from pi_server.domain.stores import Index, Order, StoreTooNewError
from pi_server.stores.filters import plain
from pi_server.stores.open_documents import open_documents
from pi_server.stores.sqlite_filters import condition, order_by
from tests.parts.waiting import in_time, until

FILE = "pi-server.sqlite3"
WORKER = """
import asyncio, sys
from pathlib import Path
from pi_server.domain.faults import DuplicateKey, Stale
from pi_server.stores.open_documents import open_documents

async def main() -> None:
    store = await open_documents("sqlite", Path(sys.argv[1]), 20)
    documents = store.documents("shared")
    try:
        await documents.insert({"sum": 0}, id="it")
    except DuplicateKey:
        pass
    done = 0
    while done < 50:
        stored = await documents.get("it")
        try:
            await documents.replace("it", {"sum": stored.document["sum"] + 1}, version=stored.version)
            done += 1
        except Stale:
            pass
        await store.increment("changes")
    await store.close()

asyncio.run(main())
"""


async def test_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    """Four at once open a new file, and read, change and write the same document 50 times each."""
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path / "new")]) for _ in range(4)]
    assert [await asyncio.to_thread(worker.wait, 60) for worker in workers] == [0, 0, 0, 0]
    store = await open_documents("sqlite", tmp_path / "new", 5)
    stored = await store.documents("shared").get("it")
    assert (stored.document, stored.version) == ({"sum": 200}, 201)
    assert await store.increment("changes", 0) >= 200
    await store.close()


async def test_what_nobody_waits_for_is_not_begun_and_holds_nothing_up(tmp_path: Path) -> None:
    """Another process writes for too long: of forty changes that were refused, all but the first never happen."""
    store = await open_documents("sqlite", tmp_path, 0.5)
    documents = store.documents("notes")
    await documents.insert({}, id="before")
    with contextlib.closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = await asyncio.gather(*(documents.insert({}) for _ in range(40)), return_exceptions=True)
        assert {type(one) for one in refused} == {StoreUnavailable}
        other.execute("ROLLBACK")
        assert await documents.count() <= 2
        other.execute("BEGIN IMMEDIATE")
        leaving = [asyncio.create_task(documents.insert({})) for _ in range(40)]
        await asyncio.sleep(0)
        for one in leaving:
            one.cancel()
        async with asyncio.timeout(5):  # forty times half a second would be longer
            await store.close()
    await asyncio.gather(*leaving, return_exceptions=True)


async def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    """And what SQLite puts beside it; the folder is made."""
    store = await open_documents("sqlite", tmp_path / "a" / "b", 5)
    await store.documents("notes").insert({})
    files = sorted((tmp_path / "a" / "b").iterdir())
    assert [file.name for file in files] == [FILE, f"{FILE}-shm", f"{FILE}-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    await store.close()


async def test_what_was_kept_is_there_after_opening_again(tmp_path: Path) -> None:
    """Documents, versions, indexes and counters."""
    for number in (1, 2):
        store = await open_documents("sqlite", tmp_path, 5)
        documents = store.documents("notes")
        await documents.ensure_indexes(Index("a", unique=True))
        await documents.insert({"a": number}, id=str(number))
        assert await documents.count() == await store.increment("opened") == number
        await store.close()


async def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """At once, and it is left as it was; no thread stays behind."""
    with sqlite3.connect(tmp_path / FILE) as later:
        later.execute("PRAGMA user_version = 2")
    later.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(StoreTooNewError, match="schema 2, and this version of pi-server knows only 1"):
        await open_documents("sqlite", tmp_path, 5)
    assert (tmp_path / FILE).read_bytes() == before
    await until(lambda: not _threads(), "the end of the threads")


async def test_closing_ends_the_threads(tmp_path: Path) -> None:
    """Otherwise the process would never end."""
    store = await open_documents("sqlite", tmp_path, 5)
    assert _threads() == 2
    await store.close()
    await until(lambda: not _threads(), "the end of the threads")


def _threads() -> int:
    return sum("sqlite-documents" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize("bad", ["a file", "no database"])
async def test_a_file_that_cannot_be_opened_is_a_fault(tmp_path: Path, bad: str) -> None:
    """The folder is a file, or the file is something else."""
    folder = tmp_path / "data"
    if bad == "a file":
        folder.write_text("")
    else:
        folder.mkdir()
        (folder / FILE).write_text("no database " * 100)
    with pytest.raises(StoreUnavailable, match="documents in"):
        await open_documents("sqlite", folder, 1)


async def test_a_file_locked_for_too_long_is_a_fault(tmp_path: Path) -> None:
    """However many wait, none waits longer than the store's limit; reading goes on."""
    store = await open_documents("sqlite", tmp_path, 0.3)
    documents = store.documents("notes")
    await documents.insert({}, id="1")
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def refused() -> list[object]:
        return await asyncio.gather(*(documents.insert({}) for _ in range(5)), return_exceptions=True)

    assert {type(one) for one in await in_time(2, refused)} == {StoreUnavailable}
    assert (await documents.get("1")).version == 1
    other.execute("COMMIT")
    other.close()
    await store.close()


@pytest.mark.parametrize(
    "asked",
    [
        where("v").eq(1),
        where("v").eq(None),
        where("v").gt("a"),
        where("v").lte(1.5),
        where("v").prefix("a"),
        where("v").one_of(1, "x"),
    ],
    ids=str,
)
async def test_an_index_is_used(tmp_path: Path, asked: Filter) -> None:
    """Its text is the text of the query's expression; so SQLite need not read every document."""
    store = await open_documents("sqlite", tmp_path, 5)
    await store.documents("notes").ensure_indexes(Index("v"))
    text, values = condition(plain(asked))
    with sqlite3.connect(tmp_path / FILE) as file:
        plan = file.execute(f'EXPLAIN QUERY PLAN SELECT * FROM "documents notes" WHERE {text}', values).fetchall()  # noqa: S608 - own text
    file.close()
    await store.close()
    assert all("USING INDEX" in str(step) for step in plan if "SEARCH" in str(step) or "SCAN" in str(step)), plan
    assert "SEARCH" in str(plan)


async def test_a_page_needs_no_sorting(tmp_path: Path) -> None:
    """An index gives documents in their order, ties by id included."""
    store = await open_documents("sqlite", tmp_path, 5)
    await store.documents("notes").ensure_indexes(Index("v"))
    order = Order("v", descending=True)
    by = order_by("present", order.field, order.descending)
    sql = f'EXPLAIN QUERY PLAN SELECT * FROM "documents notes" ORDER BY {by}'  # noqa: S608 - own text
    with sqlite3.connect(tmp_path / FILE) as file:
        plan = str(file.execute(sql).fetchall())
    file.close()
    await store.close()
    assert "USING INDEX" in plan
    assert "TEMP B-TREE" not in plan


async def test_expired_documents_are_swept(tmp_path: Path) -> None:
    """Nobody sees them, and in the end they do not take room either."""
    store = await open_documents("sqlite", tmp_path, 5)
    await store.documents("notes").insert({}, expires=datetime.now(UTC) - timedelta(seconds=1))
    await store.close()
    with sqlite3.connect(tmp_path / FILE) as file:
        assert file.execute('SELECT count(*) FROM "documents notes"').fetchall() == [(0,)]
    file.close()
