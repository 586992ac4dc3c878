"""Documents in a file of SQLite: the default, shared by all workers of one machine."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final

from pi_server.domain.faults import DuplicateKey, NotFound, Stale
from pi_server.domain.filters import EVERYTHING, Filter
from pi_server.domain.stores import BY_ID, Document, Found, Index, Order, Stored
from pi_server.stores.documents import (
    checked,
    checked_expiry,
    checked_id,
    checked_index,
    checked_step,
    collection_name,
    decode,
    milliseconds,
    possible_id,
    possible_version,
)
from pi_server.stores.filters import plain
from pi_server.stores.paging import Part, Position, checked_order, paged
from pi_server.stores.sqlite_file import Rows, SqliteFile, Values
from pi_server.stores.sqlite_filters import Value, columns, condition, order_by, range_of

_INCREMENT: Final = (
    "INSERT INTO counters (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
)
_SWEEP_EVERY: Final = 10.0  # seconds
_SWEPT_AT_ONCE: Final = 1000  # so that no write waits long for a sweep
_COLUMNS: Final = "id TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, expires INTEGER, document TEXT NOT NULL"
_LIVING: Final = "(expires IS NULL OR expires > ?)"
_TAKEN: Final = re.compile(r"index '.* by (?P<fields>.*)'")


async def open_sqlite(path: Path, patience: float) -> SqliteStore:
    """Open the file for answers within ``patience`` seconds; raises as `SqliteFile.open`."""
    file = SqliteFile(path, patience)
    await file.open()
    return SqliteStore(file)


class SqliteStore:
    """One table for each collection, and one for the counters."""

    def __init__(self, file: SqliteFile) -> None:
        """Keep documents in ``file``, which is open."""
        self._file = file
        self._tables: dict[str, _Table] = {}

    def documents(self, name: str) -> SqliteDocuments:
        """The collection of that name."""
        table = re.sub("[A-Z]", r"^\g<0>", f"documents {collection_name(name)}")  # to SQLite, Users and users are one
        return SqliteDocuments(self._tables.setdefault(table, _Table(self._file, table)))

    async def increment(self, counter: str, by: int = 1) -> int:
        """Add to a counter."""
        [[value]] = await self._file.write(_INCREMENT, (counter, checked_step(by)))
        return int(value)

    async def ping(self) -> None:
        """Read something."""
        await self._file.read("SELECT count(*) FROM sqlite_schema")

    async def close(self) -> None:
        """Close the file."""
        await self._file.close()


class _Table:
    """The table of one collection, made when it is first used."""

    def __init__(self, file: SqliteFile, name: str) -> None:
        self.name = name
        self._file = file
        self._made = False
        self._sweep_at = 0.0

    async def select(self, what: str, where: str, values: tuple[Value, ...], tail: str = "") -> Rows:
        """Of the documents that are not expired."""
        await self._make()
        sql = f'SELECT {what} FROM "{self.name}" WHERE ({where}) AND {_LIVING} {tail}'  # noqa: S608 - own names only
        return await self._file.read(sql, (*values, _now()))

    async def change(self, sql: str, values: Values = ()) -> Rows:
        """A second time without the expired documents, if a value is taken: it may be by one of those."""
        await self._make()
        try:
            return await self._file.write(sql, values)
        except sqlite3.IntegrityError:
            await self._file.write(f'DELETE FROM "{self.name}" WHERE expires <= ?', (_now(),))  # noqa: S608 - own name
        try:
            return await self._file.write(sql, values)
        except sqlite3.IntegrityError as error:
            raise _duplicate(error) from None

    async def sweep(self) -> None:
        """Make room, now and then: expired documents are not seen, but they are still there."""
        if self._sweep_at <= monotonic():
            self._sweep_at = monotonic() + _SWEEP_EVERY
            over = f'SELECT rowid FROM "{self.name}" WHERE expires <= ? LIMIT {_SWEPT_AT_ONCE}'  # noqa: S608 - own name
            await self._file.write(f'DELETE FROM "{self.name}" WHERE rowid IN ({over})', (_now(),))  # noqa: S608 - as above

    async def _make(self) -> None:
        if self._made:
            return
        await self._file.write(f'CREATE TABLE IF NOT EXISTS "{self.name}" ({_COLUMNS})')
        index = f'"{self.name} by expiry" ON "{self.name}" (expires) WHERE expires IS NOT NULL'
        await self._file.write(f"CREATE INDEX IF NOT EXISTS {index}")
        self._made = True


class SqliteDocuments:
    """One collection."""

    def __init__(self, table: _Table) -> None:
        self._table = table
        self._name = f'"{table.name}"'

    async def insert(self, document: Document, *, id: str | None = None, expires: datetime | None = None) -> Stored:  # noqa: A002
        """Keep a new document."""
        kept, text = checked(document)
        id_, ends = checked_id(id), checked_expiry(expires)
        sql = f"INSERT INTO {self._name} (id, version, expires, document) VALUES (?, 1, ?, ?)"  # noqa: S608 - own name
        await self._table.change(sql, (id_, _moment(ends), text))
        if ends is not None:
            await self._table.sweep()
        return Stored(id_, 1, kept)

    async def get(self, id: str) -> Stored:  # noqa: A002
        """The document."""
        rows = await self._table.select("id, version, document", "id = ?", (id,)) if possible_id(id) else ()
        if not rows:
            raise NotFound
        return _stored(rows[0])

    async def find(
        self, where: Filter = EVERYTHING, *, order: Order = BY_ID, limit: int = 100, after: str | None = None
    ) -> Found:
        """One page."""
        text, values = condition(plain(where))
        field, down = checked_order(order).field, order.descending

        async def read(part: Part, behind: Position | None, count: int) -> list[Stored]:
            bounds, limits = range_of(part, behind, field, down)
            tail = f"ORDER BY {order_by(part, field, down)} LIMIT {count}"
            found = f"({text}) AND {bounds}"
            return [
                _stored(row) for row in await self._table.select("id, version, document", found, values + limits, tail)
            ]

        return await paged(read, order, limit, after)

    async def replace(self, id: str, document: Document, *, version: int, expires: datetime | None = None) -> Stored:  # noqa: A002
        """Put another document in its place."""
        kept, text = checked(document)
        ends = checked_expiry(expires)
        change = f"UPDATE {self._name} SET version = version + 1, expires = ?, document = ? "  # noqa: S608 - own name
        sql = f"{change} WHERE id = ? AND version = ? AND {_LIVING} RETURNING version"
        if not possible_id(id) or not await self._table.change(
            sql, (_moment(ends), text, id, possible_version(version), _now())
        ):
            raise await self._stale_or_missing(id)
        return Stored(id, version + 1, kept)

    async def delete(self, id: str, *, version: int | None = None) -> None:  # noqa: A002
        """Forget the document."""
        sql = f"DELETE FROM {self._name} WHERE id = ? AND coalesce(?, version) = version AND {_LIVING} RETURNING 1"  # noqa: S608 - own name
        known = None if version is None else possible_version(version)
        if not possible_id(id) or not await self._table.change(sql, (id, known, _now())):
            raise await self._stale_or_missing(id)

    async def delete_where(self, where: Filter) -> int:
        """Forget what the filter finds."""
        text, values = condition(plain(where))
        sql = f"DELETE FROM {self._name} WHERE ({text}) AND {_LIVING} RETURNING 1"  # noqa: S608 - own names only
        return len(await self._table.change(sql, (*values, _now())))

    async def count(self, where: Filter = EVERYTHING) -> int:
        """How many the filter finds."""
        [[count]] = await self._table.select("count(*)", *condition(plain(where)))
        return int(count)

    async def ensure_indexes(self, *indexes: Index) -> None:
        """Have these indexes."""
        for index in map(checked_index, indexes):
            kind = "UNIQUE INDEX" if index.unique else "INDEX"
            name = f'"{self._table.name} {kind.lower()} by {" ".join(index.fields)}"'
            await self._table.change(f"CREATE {kind} IF NOT EXISTS {name} ON {self._name} ({columns(index)})")

    async def _stale_or_missing(self, id_: str) -> Stale | NotFound:
        return Stale() if possible_id(id_) and await self._table.select("1", "id = ?", (id_,)) else NotFound()


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(row[0], row[1], decode(row[2]))


def _moment(expires: datetime | None) -> int | None:
    return None if expires is None else milliseconds(expires)


def _now() -> int:
    return milliseconds(datetime.now(UTC))


def _duplicate(error: sqlite3.IntegrityError) -> DuplicateKey:
    """SQLite names the index, whose name ends with its fields; the table's own key is the id."""
    named = _TAKEN.search(str(error))
    return DuplicateKey(*named["fields"].split(" ")) if named else DuplicateKey("id")
