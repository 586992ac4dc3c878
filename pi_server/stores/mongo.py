"""Documents in MongoDB 5.0 or later: for more than one machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

from pymongo import ASCENDING, AsyncMongoClient, ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConfigurationError, DuplicateKeyError, PyMongoError

from pi_server.domain.faults import DuplicateKey, NotFound, Stale, StoreUnavailable
from pi_server.domain.filters import EVERYTHING, Filter
from pi_server.domain.stores import BY_ID, Document, Found, Index, Order, Stored, StoreTooNewError
from pi_server.stores.documents import (
    checked,
    checked_expiry,
    checked_id,
    checked_index,
    checked_step,
    collection_name,
    possible_id,
    possible_version,
)
from pi_server.stores.filters import plain
from pi_server.stores.let_finish import LetFinish
from pi_server.stores.mongo_filters import PLAIN, Query, condition, field_of, packed, path, range_of, sort, unpacked
from pi_server.stores.paging import Part, Position, checked_order, paged

_SCHEMA: Final = 1
_BY_EXPIRY: Final = "by expiry"
_SLACK: Final = 0.25  # seconds for the driver to say by itself what it waited for

_T = TypeVar("_T")
_Client: TypeAlias = AsyncMongoClient[dict[str, Any]]
_Collection: TypeAlias = AsyncCollection[dict[str, Any]]


def open_mongo(url: str, timeout: float) -> MongoStore:
    """The store behind a URL, for the running loop; nothing is asked of it yet.

    Raises:
        ValueError: the URL cannot be understood, or names no database; its text is not repeated.
    """
    limit = max(1, int(timeout * 1000))
    try:
        client: _Client = AsyncMongoClient(
            url,
            appname="pi-server",
            tz_aware=True,
            tzinfo=UTC,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            readPreference="primary",
            retryReads=True,
            retryWrites=True,
            timeoutMS=limit,
            connectTimeoutMS=limit,
            serverSelectionTimeoutMS=limit,
        )
        return MongoStore(client, timeout)
    except (ConfigurationError, ValueError) as error:
        raise ValueError(f"stores.documents is no URL the driver can use ({type(error).__name__})") from None


class MongoStore:
    """One database; whatever is acknowledged is in the journals of a majority."""

    def __init__(self, client: _Client, timeout: float = 2.0) -> None:
        """Keep documents in the database the client's URL names; it answers within ``timeout`` seconds."""
        self._client = client
        self._timeout = timeout
        self._driver = LetFinish(timeout + _SLACK)
        self._database = client.get_default_database()
        self._checking: asyncio.Task[None] | None = None
        self._checked = False
        self._expiring: set[str] = set()

    def documents(self, name: str) -> MongoDocuments:
        """The collection of that name."""
        return MongoDocuments(self, self._database[collection_name(name)])

    async def increment(self, counter: str, by: int = 1) -> int:
        """Add to a counter."""
        counters, change = self._database["pi_server.counters"], {"$inc": {"value": checked_step(by)}}
        return int((await self.run(lambda: _upserted(counters, counter, change)))["value"])

    async def ping(self) -> None:
        """Ask the primary."""
        with self._faults():
            await self._driver.answer(self._client.admin.command("ping"))

    async def close(self) -> None:
        """Let go of the connections, and of a driver that does not within its time; nothing is raised."""
        await self._driver.last(self._client.close())

    async def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do something with a database of a schema that is known; both within the time of one answer."""
        with self._faults():
            return await self._driver.answer(self._of_known_schema(work))

    async def expire(self, collection: _Collection) -> None:
        """Have MongoDB delete the collection's expired documents by and by."""
        if collection.name not in self._expiring:
            await self.run(lambda: collection.create_index("expires", name=_BY_EXPIRY, expireAfterSeconds=0))
            self._expiring.add(collection.name)

    async def _of_known_schema(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """One look, whose end all wait for: one after the other, the last would wait as often as there are others."""
        if not self._checked:
            if self._checking is None:
                self._checking = asyncio.create_task(self._check_schema())
                self._checking.add_done_callback(self._looked)
            await asyncio.shield(self._checking)
        return await work()

    def _looked(self, checking: asyncio.Task[None]) -> None:
        self._checking = None
        if not checking.cancelled():
            checking.exception()  # told to those who waited, if any still does

    async def _check_schema(self) -> None:
        """The first to come writes it down."""
        schema, first = self._database["pi_server.schema"], {"$setOnInsert": {"version": _SCHEMA}}
        found = await _upserted(schema, "documents", first)
        if found["version"] > _SCHEMA:
            raise StoreTooNewError(f"MongoDB's database {self._database.name}", found["version"], _SCHEMA)
        self._checked = True

    @contextmanager
    def _faults(self) -> Generator[None]:
        """The driver names hosts and reasons, and never a password."""
        try:
            yield
        except TimeoutError:
            raise StoreUnavailable(f"MongoDB: no answer in {self._timeout:g} s") from None
        except DuplicateKeyError as error:
            fields = (error.details or {}).get("keyPattern", {"_id": 1})
            raise DuplicateKey(*map(field_of, fields)) from None
        except PyMongoError as error:
            raise StoreUnavailable(f"MongoDB: {type(error).__name__}: {error}"[:500]) from error


class MongoDocuments:
    """One collection."""

    def __init__(self, store: MongoStore, collection: _Collection) -> None:
        self._store = store
        self._all = collection

    async def insert(self, document: Document, *, id: str | None = None, expires: datetime | None = None) -> Stored:  # noqa: A002
        """Keep a new document."""
        kept, _ = checked(document)
        body = await self._body(checked_id(id), 1, kept, checked_expiry(expires))
        await self._change(lambda: self._all.insert_one(body))
        return Stored(body["_id"], 1, kept)

    async def get(self, id: str) -> Stored:  # noqa: A002
        """The document."""
        found = await self._run(lambda: self._all.find_one({"_id": id, **_living()})) if possible_id(id) else None
        if found is None:
            raise NotFound
        return _stored(found)

    async def find(
        self, where: Filter = EVERYTHING, *, order: Order = BY_ID, limit: int = 100, after: str | None = None
    ) -> Found:
        """One page."""
        asked, ordered = condition(plain(where)), checked_order(order)

        async def read(part: Part, behind: Position | None, count: int) -> list[Stored]:
            query: Query = {"$and": [asked, range_of(part, behind, ordered), _living()]}
            found = self._all.find(query, sort=sort(part, ordered), limit=count, batch_size=count)
            return [_stored(one) for one in await self._run(found.to_list)]

        return await paged(read, ordered, limit, after)

    async def replace(self, id: str, document: Document, *, version: int, expires: datetime | None = None) -> Stored:  # noqa: A002
        """Put another document in its place."""
        kept, _ = checked(document)
        ends, known = checked_expiry(expires), possible_version(version)
        if not possible_id(id):
            raise NotFound
        body = await self._body(id, known + 1, kept, ends)
        query = {"_id": id, "version": known, **_living()}
        done = await self._change(lambda: self._all.replace_one(query, body))
        if not done.matched_count:
            raise await self._stale_or_missing(id)
        return Stored(id, known + 1, kept)

    async def delete(self, id: str, *, version: int | None = None) -> None:  # noqa: A002
        """Forget the document."""
        if not possible_id(id):
            raise NotFound
        query = {"_id": id, **({} if version is None else {"version": possible_version(version)}), **_living()}
        done = await self._run(lambda: self._all.delete_one(query))
        if not done.deleted_count:
            raise await self._stale_or_missing(id)

    async def delete_where(self, where: Filter) -> int:
        """Forget what the filter finds."""
        query: Query = {"$and": [condition(plain(where)), _living()]}
        return (await self._run(lambda: self._all.delete_many(query))).deleted_count

    async def count(self, where: Filter = EVERYTHING) -> int:
        """How many the filter finds."""
        query: Query = {"$and": [condition(plain(where)), _living()]}
        return await self._run(lambda: self._all.count_documents(query))

    async def ensure_indexes(self, *indexes: Index) -> None:
        """Have these indexes; a unique one beside a common one, for it leaves out what a search must not miss."""
        for index in map(checked_index, indexes):
            await self._have_index(index.fields)
            if index.unique:
                await self._have_unique(index.fields)

    async def _have_index(self, fields: tuple[str, ...]) -> None:
        """Ordered by id in the end, so that pages need no sorting."""
        keys = [(path(field), ASCENDING) for field in fields]
        await self._run(lambda: self._all.create_index([*keys, ("_id", ASCENDING)], name=f"by {' '.join(fields)}"))

    async def _have_unique(self, fields: tuple[str, ...]) -> None:
        keys = [(path(field), ASCENDING) for field in fields]
        some = {path(field): {"$type": PLAIN} for field in fields}
        name = f"unique {' '.join(fields)}"
        await self._change(lambda: self._all.create_index(keys, name=name, unique=True, partialFilterExpression=some))

    async def _body(self, id_: str, version: int, kept: Document, ends: datetime | None) -> dict[str, Any]:
        if ends is not None:
            await self._store.expire(self._all)
        expires = {} if ends is None else {"expires": ends}
        return {"_id": id_, "version": version, **expires, "document": packed(kept)}

    async def _run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        return await self._store.run(work)

    async def _change(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """A second time without the expired documents, if a value is taken: it may be by one of those."""
        try:
            return await self._run(work)
        except DuplicateKey:
            await self._run(lambda: self._all.delete_many({"expires": {"$lte": datetime.now(UTC)}}))
        return await self._run(work)

    async def _stale_or_missing(self, id_: str) -> Stale | NotFound:
        query = {"_id": id_, **_living()}
        return NotFound() if await self._run(lambda: self._all.find_one(query, {"_id": 1})) is None else Stale()


async def _upserted(collection: _Collection, id_: str, change: Query) -> dict[str, Any]:
    """The document as it is after the change, made by it where there was none."""
    after = ReturnDocument.AFTER
    return await collection.find_one_and_update({"_id": id_}, change, upsert=True, return_document=after) or {}


def _living() -> Query:
    return {"expires": {"$not": {"$lte": datetime.now(UTC)}}}


def _stored(found: dict[str, Any]) -> Stored:
    return Stored(found["_id"], int(found["version"]), unpacked(found["document"]))
