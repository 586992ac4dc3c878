"""Where state lives that outlasts a request: documents, and short-lived keys.  One meaning, whatever keeps it.

Documents are mappings of names to JSON values and times.  Names hold no dot, no NUL and no leading ``$``; whole numbers
fit 64 bits, floats are finite, times are aware and kept in UTC to the millisecond.  Ids are text.  A document with an
``expires`` is gone from that moment on: no method finds it, and it stands in nobody's way.

Every method may raise `StoreUnavailable`; nothing waits longer than the store's own limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pi_server.domain.filters import EVERYTHING, Filter

Document = dict[str, Any]

MOST = 1000
"""Documents `Documents.find` gives at once, at most."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it was read; ``version`` begins at 1 and grows by one with every change."""

    id: str
    version: int
    document: Document


@dataclass(frozen=True, slots=True)
class Found:
    """Some documents in the order asked for; ``next`` is where to go on (``after=``), None at the end."""

    items: Sequence[Stored]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """By a field (missing values first), or by id where there is none; equal values by id."""

    field: str | None = None
    descending: bool = False


BY_ID = Order()


@dataclass(frozen=True, slots=True, init=False)
class Index:
    """Fields that are searched by, in this order; ``unique`` refuses a second document with the same values.

    Documents in which one of the fields is missing or null are never in each other's way.
    """

    fields: tuple[str, ...]
    unique: bool

    def __init__(self, *fields: str, unique: bool = False) -> None:
        """At least one field."""
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "unique", unique)


class Documents(Protocol):
    """One named collection of documents."""

    async def insert(self, document: Document, *, id: str | None = None, expires: datetime | None = None) -> Stored:  # noqa: A002
        """Keep a new document under ``id``, or under a random 128-bit one.

        Raises:
            DuplicateKey: the id, or a unique index, is taken; ``fields`` names them.
            Unstorable: a name or value no store could keep.
        """
        ...

    async def get(self, id: str) -> Stored:  # noqa: A002
        """The document; `NotFound` otherwise."""
        ...

    async def find(
        self, where: Filter = EVERYTHING, *, order: Order = BY_ID, limit: int = 100, after: str | None = None
    ) -> Found:
        """At most ``limit`` (and `MOST`) documents, beginning behind ``after``, the ``next`` of an earlier answer.

        Raises:
            InvalidCursor: ``after`` is no such text, or of another order.
        """
        ...

    async def replace(self, id: str, document: Document, *, version: int, expires: datetime | None = None) -> Stored:  # noqa: A002
        """Put another document in the place of the one read as ``version``; ``expires`` is the new one's.

        Raises:
            Stale: somebody changed it since.
            NotFound, DuplicateKey, Unstorable: as above.
        """
        ...

    async def delete(self, id: str, *, version: int | None = None) -> None:  # noqa: A002
        """Forget the document, if ``version`` (where given) is still its own.

        Raises:
            NotFound, Stale: as above.
        """
        ...

    async def delete_where(self, where: Filter) -> int:
        """Forget every document the filter finds; how many there were."""
        ...

    async def count(self, where: Filter = EVERYTHING) -> int:
        """How many documents the filter finds."""
        ...

    async def ensure_indexes(self, *indexes: Index) -> None:
        """Have these indexes; those that exist stay as they are.

        Raises:
            DuplicateKey: documents already stored break a unique one.
        """
        ...


class Store(Protocol):
    """Keeps collections of documents, and counters."""

    def documents(self, name: str) -> Documents:
        """The collection of that name; there is no need to create one."""
        ...

    async def increment(self, counter: str, by: int = 1) -> int:
        """Add to a counter that begins at 0; the new value, which nobody else was given."""
        ...

    async def ping(self) -> None:
        """Ask whether it is there: `StoreUnavailable` if not."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...


class KeyStore(Protocol):
    """Keeps small values for a time: caches, revocations, counters.  ``lasting`` is in seconds; None is for ever."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None where there is none any more."""
        ...

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values in the order of ``keys``."""
        ...

    async def put(self, key: str, value: bytes, *, lasting: float | None = None) -> None:
        """Keep a value in the place of an older one."""
        ...

    async def add(self, key: str, value: bytes, *, lasting: float | None = None) -> bool:
        """Keep a value if there is none; whether it was kept."""
        ...

    async def replace(self, key: str, value: bytes | None, *, old: bytes, lasting: float | None = None) -> bool:
        """Keep a value, or none, in the place of ``old``, if that is there now; whether it was."""
        ...

    async def delete(self, key: str) -> bool:
        """Forget a value; whether there was one."""
        ...

    async def increment(self, key: str, by: int = 1, *, lasting: float | None = None) -> int:
        """Add to a counter that begins at 0; ``lasting`` counts from when it began and is not renewed."""
        ...

    async def ping(self) -> None:
        """Ask whether it is there: `StoreUnavailable` if not."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...


class StoreTooNewError(Exception):
    """A store was written by a later version of pi-server; this one must not touch it."""

    def __init__(self, store: str, found: int, known: int) -> None:
        super().__init__(f"{store} has the schema {found}, and this version of pi-server knows only {known}")
