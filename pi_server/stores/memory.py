"""Documents in the process's own memory: for tests, and for what may be lost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pi_server.domain.faults import DuplicateKey, NotFound, Stale
from pi_server.domain.filters import EVERYTHING, Compare, Filter, HasId, OneOf, Scalar
from pi_server.domain.stores import BY_ID, Document, Found, Index, Order, Stored
from pi_server.stores.documents import (
    checked,
    checked_expiry,
    checked_id,
    checked_index,
    checked_step,
    collection_name,
    decode,
    value_at,
)
from pi_server.stores.filters import Every, Plain, Some, kind_of, plain
from pi_server.stores.paging import Position, checked_limit, checked_order, page, place, position

_RANKS = (None, "number", "text", "bool", "time")


@dataclass(frozen=True, slots=True)
class _Kept:
    version: int
    document: Document
    text: str  # as JSON: what is given out is decoded from it, so that nobody holds the kept one
    expires: datetime | None


@dataclass(slots=True)
class _Collection:
    kept: dict[str, _Kept] = field(default_factory=dict[str, _Kept])
    unique: set[Index] = field(default_factory=set[Index])


class MemoryStore:
    """Keeps everything until the process ends; no method ever waits, so each is atomic."""

    def __init__(self) -> None:
        self._collections: dict[str, _Collection] = {}
        self._counters: Counter[str] = Counter()

    def documents(self, name: str) -> "MemoryDocuments":
        """The collection of that name."""
        return MemoryDocuments(self._collections.setdefault(collection_name(name), _Collection()))

    async def increment(self, counter: str, by: int = 1) -> int:
        """Add to a counter."""
        self._counters[counter] += checked_step(by)
        return self._counters[counter]

    async def ping(self) -> None:
        """Always there."""

    async def close(self) -> None:
        """Nothing to let go of."""


class MemoryDocuments:
    """One collection in memory."""

    def __init__(self, collection: _Collection) -> None:
        self._all = collection

    async def insert(self, document: Document, *, id: str | None = None, expires: datetime | None = None) -> Stored:  # noqa: A002
        """Keep a new document."""
        kept, text = checked(document)
        id_, ends = checked_id(id), checked_expiry(expires)
        if id_ in dict(self._living()):
            raise DuplicateKey("id")
        return self._keep(id_, _Kept(1, kept, text, ends))

    async def get(self, id: str) -> Stored:  # noqa: A002
        """The document."""
        return _given(id, self._living_one(id))

    async def find(
        self, where: Filter = EVERYTHING, *, order: Order = BY_ID, limit: int = 100, after: str | None = None
    ) -> Found:
        """One page."""
        limit, ordered = checked_limit(limit), checked_order(order)
        places = {id_: _rank(place(kept.document, id_, ordered)) for id_, kept in self._matching(where)}
        if after is not None:
            begin = _rank(position(after, ordered))
            places = {id_: at for id_, at in places.items() if (at < begin if ordered.descending else at > begin)}
        ids = sorted(places, key=places.__getitem__, reverse=ordered.descending)[: limit + 1]
        return page([_given(id_, self._all.kept[id_]) for id_ in ids], ordered, limit)

    async def replace(self, id: str, document: Document, *, version: int, expires: datetime | None = None) -> Stored:  # noqa: A002
        """Put another document in its place."""
        kept, text = checked(document)
        ends = checked_expiry(expires)
        self._check_version(id, version)
        return self._keep(id, _Kept(version + 1, kept, text, ends))

    async def delete(self, id: str, *, version: int | None = None) -> None:  # noqa: A002
        """Forget the document."""
        self._check_version(id, version)
        del self._all.kept[id]

    async def delete_where(self, where: Filter) -> int:
        """Forget what the filter finds."""
        found = [id_ for id_, _ in self._matching(where)]
        for id_ in found:
            del self._all.kept[id_]
        return len(found)

    async def count(self, where: Filter = EVERYTHING) -> int:
        """How many the filter finds."""
        return sum(1 for _ in self._matching(where))

    async def ensure_indexes(self, *indexes: Index) -> None:
        """Only the unique ones matter here: everything is looked through anyway."""
        for index in map(checked_index, indexes):
            taken = Counter(values for _, kept in self._living() if (values := _values(kept.document, index)))
            if index.unique and any(count > 1 for count in taken.values()):
                raise DuplicateKey(*index.fields)
            self._all.unique |= {index} if index.unique else set()

    def _keep(self, id_: str, new: _Kept) -> Stored:
        others = [kept.document for other, kept in self._living() if other != id_]
        for index in self._all.unique:
            values = _values(new.document, index)
            if values and any(_values(other, index) == values for other in others):
                raise DuplicateKey(*index.fields)
        self._all.kept[id_] = new
        return _given(id_, new)

    def _check_version(self, id_: str, version: int | None) -> None:
        if version not in (None, self._living_one(id_).version):
            raise Stale

    def _living_one(self, id_: str) -> _Kept:
        kept = self._all.kept.get(id_)
        if kept is None or _over(kept):
            raise NotFound
        return kept

    def _living(self) -> Iterator[tuple[str, _Kept]]:
        for id_, kept in list(self._all.kept.items()):
            if _over(kept):
                del self._all.kept[id_]
            else:
                yield id_, kept

    def _matching(self, where: Filter) -> Iterator[tuple[str, _Kept]]:
        asked = plain(where)
        return ((id_, kept) for id_, kept in self._living() if _holds(asked, id_, kept.document))


def _given(id_: str, kept: _Kept) -> Stored:
    return Stored(id_, kept.version, decode(kept.text))


def _over(kept: _Kept) -> bool:
    return kept.expires is not None and kept.expires <= datetime.now(UTC)


def _values(document: Document, index: Index) -> tuple[Any, ...] | None:
    """The values that must be unique; None where one of them is missing."""
    values = [value_at(document, name) for name in index.fields]
    kinds = [kind_of(value) for value in values]
    return None if None in kinds else tuple(zip(kinds, values, strict=True))


def _rank(at: Position) -> tuple[int, Any, str]:
    """What sorts as the contract says: kinds apart, missing values first, equal values by id."""
    return _RANKS.index(kind_of(at.value)), 0 if at.value is None else at.value, at.id


def _holds(asked: Plain, id_: str, document: Document) -> bool:
    match asked:
        case Every():
            return all(_holds(part, id_, document) for part in asked)
        case Some():
            return any(_holds(part, id_, document) for part in asked)
        case HasId(wanted):
            return id_ == wanted
        case OneOf(name, values):
            return any(_equal(value_at(document, name), value) for value in values)
        case Compare(name, operator, value):
            return _compares(value_at(document, name), operator, value)


def _equal(found: Any, value: Scalar) -> bool:
    if value is None:
        return found is None
    return kind_of(found) == kind_of(value) and bool(found == value)


def _compares(found: Any, operator: str, value: Any) -> bool:
    if operator in ("eq", "ne"):
        return _equal(found, value) == (operator == "eq")
    if kind_of(value) not in ("number", "text", "time") or kind_of(found) != kind_of(value):
        return False
    if operator in ("lt", "lte"):
        return bool(found < value or (operator == "lte" and found == value))
    return bool(found > value or (operator == "gte" and found == value))
