"""What is MongoDB's own: a server that may be away, and a language of operators that no input may speak."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pymongo
import pytest
from pymongo.common import MIN_HEARTBEAT_INTERVAL
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.filters import Filter, where
from pi_server.domain.stores import Index, Order, Stored, StoreTooNewError
from pi_server.stores.mongo import MongoStore, open_mongo
from pi_server.stores.open_documents import open_documents
from tests.parts.mongo import mongo_url, replica_set
from tests.parts.processes import free_port
from tests.parts.waiting import in_time, until

WORDS = {"$and", "$or", "$in", "$eq", "$ne", "$lt", "$lte", "$gt", "$gte", "$type", "$not"}
HOSTILE = ["$where", "$ne", '{"$gt": ""}', "$document.a", "a.b", "$$ROOT", "[$ne]=1", "/.*/"]


class Heard(CommandListener):
    """Every filter sent to the server."""

    def __init__(self) -> None:
        self.filters: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        """Keep the command's filter, wherever it has it."""
        for part in (event.command, *event.command.get("deletes", ()), *event.command.get("pipeline", ())):
            asked = part.get("filter") or part.get("q") or part.get("$match")
            if asked:
                self.filters.append(asked)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Of no interest."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Of no interest."""


def operators(asked: object) -> set[str]:
    """All names that MongoDB would take for operators; values must be plain."""
    if isinstance(asked, dict):
        items = cast("dict[str, object]", asked).items()
        return {name for name, _ in items if name.startswith("$")}.union(*(operators(value) for _, value in items))
    if isinstance(asked, list):
        return set[str]().union(*map(operators, cast("list[object]", asked)))
    assert asked is None or isinstance(asked, str | int | float | bool | datetime)
    return set()


async def test_no_value_is_ever_an_operator(mongo_database: str) -> None:
    """What reaches the server are our few operators around plain values, whatever a consumer sends as text."""
    heard = Heard()
    client = pymongo.AsyncMongoClient[dict[str, Any]](mongo_database, event_listeners=[heard], tz_aware=True)
    documents = MongoStore(client).documents("notes")
    built: list[Callable[[str], Filter]] = [
        lambda text: where("v").eq(text),
        lambda text: where("v").ne(text) & where("v").gt(text),
        lambda text: where("v").one_of(text, None) | where("v").prefix(text),
    ]
    for text in HOSTILE:
        await documents.insert({"v": text})
        assert [stored.document["v"] for stored in (await documents.find(where("v").eq(text))).items] == [text]
        for build in built:
            found = await documents.find(build(text), order=Order("v"), limit=1)
            await documents.find(build(text), order=Order("v"), after=found.next)
            await documents.count(build(text))
        await documents.delete_where(where("v").eq(text))
    await client.close()
    assert len(heard.filters) > 8 * len(HOSTILE)
    assert set[str]().union(*map(operators, heard.filters)) <= WORDS


async def test_a_server_that_is_away_is_a_fault_within_the_limit() -> None:
    """Opening needs no server; asking it fails in time, and the reason holds no password."""
    url = f"mongodb://someone:hunter2@127.0.0.1:{free_port()}/notes"
    store = await open_documents(url, Path(), 0.5)
    documents = store.documents("notes")
    for ask in (store.ping, lambda: documents.insert({}), documents.find, lambda: store.increment("n")):
        away = await in_time(2, partial(_refused, ask))
        assert "MongoDB" in away.reason
        assert "hunter2" not in str(away)
    await store.close()


async def test_who_goes_away_while_a_server_is_searched_takes_no_lock_along() -> None:
    """A driver cancelled while it waits for its lock would keep it for good: no answers any more, and no end."""
    store = open_mongo(f"mongodb://127.0.0.1:{free_port()}/notes", 2)
    cast("Any", store)._checked = True  # as after the first use
    asking = asyncio.create_task(store.documents("notes").count())
    await asyncio.sleep(0.2)
    lock = cast("Any", store)._client._topology._lock
    await lock.acquire()
    try:
        await asyncio.sleep(
            MIN_HEARTBEAT_INTERVAL + 0.1
        )  # the driver has waited long enough for news, and wants to look
        asking.cancel()
    finally:
        lock.release()
    assert [type(one) for one in await asyncio.gather(asking, return_exceptions=True)] == [asyncio.CancelledError]
    try:
        async with asyncio.timeout(8):
            with pytest.raises(StoreUnavailable, match="ServerSelectionTimeoutError"):
                await store.ping()
            await store.close()
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    finally:
        if lock.locked():
            lock.release()  # or the driver's tasks would hold up the end of the tests


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a socket the driver gave up unclosed
async def test_whoever_goes_away_whenever_the_store_goes_on(tmp_path: Path) -> None:
    """In the search for a server, for a connection, and in the middle of an answer; the server hangs now and then."""
    with replica_set(tmp_path) as (host, pid):
        store = await open_documents(mongo_url(host, "notes") + "&maxPoolSize=3", Path(), 2)
        documents = store.documents("notes")
        await documents.insert({}, id="there")
        for still in (False, True) * 3:
            os.kill(pid, signal.SIGSTOP if still else signal.SIGCONT)
            asking = [asyncio.create_task(documents.get("there")) for _ in range(60)]
            for one in asking:
                await asyncio.sleep(0.002)
                one.cancel()
            done = await asyncio.gather(*asking, return_exceptions=True)
            assert {type(one) for one in done} <= {asyncio.CancelledError, Stored, StoreUnavailable}
        os.kill(pid, signal.SIGCONT)
        await until(partial(_is_there, store.ping), "the store")
        assert (await documents.get("there")).version == 1
        async with asyncio.timeout(8):
            await store.close()
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a socket the driver gave up unclosed
async def test_a_server_that_hangs_is_a_fault_and_comes_back(tmp_path: Path) -> None:
    """A stopped process answers nobody; when it goes on, so does the store."""
    with replica_set(tmp_path) as (host, pid):
        store = await open_documents(mongo_url(host, "notes"), Path(), 1)
        documents = store.documents("notes")
        await documents.insert({}, id="before")
        os.kill(pid, signal.SIGSTOP)
        try:
            for ask in (lambda: documents.insert({}), lambda: documents.get("before"), store.ping):
                await in_time(4, partial(_refused, ask))
        finally:
            os.kill(pid, signal.SIGCONT)
        await until(partial(_is_there, store.ping), "the store")
        assert (await documents.get("before")).version == 1
        await store.close()
    gc.collect()  # here, where that is expected


async def _refused(ask: Callable[[], Awaitable[object]]) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as refused:
        await ask()
    return refused.value


async def _is_there(ping: Callable[[], Awaitable[None]]) -> bool:
    try:
        await ping()
    except StoreUnavailable:
        return False
    return True


async def test_a_wrong_password_is_not_told(mongo_database: str) -> None:
    """The operator reads that it is wrong, not what it is."""
    store = await open_documents(mongo_database.replace("//", "//someone:hunter2@"), Path(), 2)
    with pytest.raises(StoreUnavailable) as refused:
        await store.documents("notes").count()
    assert "Authentication failed" in refused.value.reason
    assert "hunter2" not in str(refused.value)
    await store.close()


@pytest.mark.parametrize("rest", ["", "/", "/notes?w=wrong&nonsense", ":port/notes", "/no tes$"])
async def test_a_url_the_driver_cannot_use_is_refused_at_once(rest: str) -> None:
    """A URL without a database, or without sense; its password is not repeated."""
    with pytest.raises(ValueError, match="no URL the driver can use") as refused:
        await open_documents(f"mongodb://someone:hunter2@localhost{rest}", Path(), 1)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to type to have it."""
    monkeypatch.delitem(sys.modules, "pi_server.stores.mongo", raising=False)
    monkeypatch.setitem(sys.modules, "pymongo", None)
    with pytest.raises(ValueError, match=r"pip install 'pi-server\[mongo\]'"):
        await open_documents("mongodb://localhost/notes", Path(), 1)


async def test_a_database_of_a_later_version_is_refused(mongo_database: str) -> None:
    """At the first use, and at every later one."""
    with pymongo.MongoClient[dict[str, Any]](mongo_database) as client:
        client.get_default_database()["pi_server.schema"].insert_one({"_id": "documents", "version": 2})
    store = await open_documents(mongo_database, Path(), 5)
    for _ in range(2):
        with pytest.raises(StoreTooNewError, match="schema 2, and this version of pi-server knows only 1"):
            await store.documents("notes").insert({})
    await store.close()


async def test_the_first_uses_at_once_write_one_version(mongo_database: str) -> None:
    """Several workers begin together."""
    stores = [await open_documents(mongo_database, Path(), 5) for _ in range(4)]
    await asyncio.gather(*(store.documents("notes").insert({"n": 1}) for store in stores))
    for store in stores:
        await store.close()
    with pymongo.MongoClient[dict[str, Any]](mongo_database) as client:
        assert list(client.get_default_database()["pi_server.schema"].find()) == [{"_id": "documents", "version": 1}]


async def test_expired_documents_are_deleted_by_the_server(mongo_database: str) -> None:
    """By its own index, some time after nobody sees them any more."""
    store = await open_documents(mongo_database, Path(), 5)
    await store.documents("notes").insert({}, expires=datetime.now(UTC) - timedelta(seconds=1))
    await store.close()
    with pymongo.MongoClient[dict[str, Any]](mongo_database) as client:
        notes = client.get_default_database().notes
        await until(lambda: notes.count_documents({}) == 0, "the deletion")


async def test_what_is_unique_is_also_searched_by_its_index(mongo_database: str) -> None:
    """And a page in its order is not sorted anew."""
    store = await open_documents(mongo_database, Path(), 5)
    documents = store.documents("notes")
    await documents.ensure_indexes(Index("email", unique=True))
    await documents.insert({"email": "a"})
    await store.close()
    with pymongo.MongoClient[dict[str, Any]](mongo_database) as client:
        found = client.get_default_database().notes.find({"document.email": {"$eq": "a"}})
        plan = str(found.sort({"document.email": 1, "_id": 1}).explain()["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "'SORT'" not in plan


async def test_acknowledged_means_a_majorities_journal(mongo_database: str) -> None:
    """Whatever the URL says."""
    store = open_mongo(mongo_database.replace("w=majority", "w=0&journal=false"), 3)
    client = cast("Any", store)._client
    assert client.write_concern.document == {"w": "majority", "j": True}
    assert client.options.timeout == 3
    await store.close()
