"""Pages without counting: a cursor names the last document given, by the value it was ordered by and its id."""

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from pi_server.domain.faults import InvalidCursor
from pi_server.domain.filters import Scalar, field_path
from pi_server.domain.stores import MOST, Document, Found, Order, Stored
from pi_server.stores.documents import decode, encode, scalar, value_at

Part: TypeAlias = Literal["all", "missing", "present"]
"""An ordered collection falls into documents without a plain value in the field, and those with one."""


@dataclass(frozen=True, slots=True)
class Position:
    """Directly behind the document with this value (None: no plain one) and id."""

    value: Scalar
    id: str


Read: TypeAlias = Callable[[Part, Position | None, int], Awaitable[Sequence[Stored]]]


def checked_order(order: Order) -> Order:
    """The order itself; ValueError if its field is no path: it may well be what a consumer asked for."""
    if order.field is not None:
        field_path(order.field)
    return order


def checked_limit(limit: int) -> int:
    """At most `MOST`; ValueError below one, for such a page would never end."""
    if limit < 1:
        raise ValueError("a page has at least one document")
    return min(limit, MOST)


def cursor(order: Order, position: Position) -> str:
    """The position as text for a URL, good for this order only."""
    text = encode([order.field, order.descending, position.value, position.id])
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position(text: str, order: Order) -> Position:
    """What `cursor` was given; `InvalidCursor` for anything else."""
    try:
        field, descending, value, id_ = cast("list[Any]", decode(_unwrapped(text)))
        if not isinstance(id_, str) or [field, descending] != [order.field, order.descending]:
            raise InvalidCursor
        return Position(scalar(value) if field else None, cast("str", scalar(id_)))
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise InvalidCursor(reason=type(error).__name__) from None


def place(document: Document, id_: str, order: Order) -> Position:
    """Where a document stands in the order; lists and objects stand with the missing values."""
    value = value_at(document, order.field) if order.field else None
    return Position(None if isinstance(value, list | dict) else value, id_)


def page(items: Sequence[Stored], order: Order, limit: int) -> Found:
    """The first ``limit`` of the items read; one more is the sign that there is a next page."""
    given = items[:limit]
    if len(items) <= limit:
        return Found(given)
    return Found(given, cursor(order, place(given[-1].document, given[-1].id, order)))


async def paged(read: Read, order: Order, limit: int, after: str | None) -> Found:
    """Read part after part until the page is full; each part is one range of an index."""
    limit = checked_limit(limit)
    begin = None if after is None else position(after, order)
    items: list[Stored] = []
    for part in _parts(order, begin):
        items += await read(part, begin, limit + 1 - len(items))
        if len(items) > limit:
            break
        begin = None
    return page(items, order, limit)


def _parts(order: Order, begin: Position | None) -> tuple[Part, ...]:
    if order.field is None:
        return ("all",)
    parts: tuple[Part, ...] = ("present", "missing") if order.descending else ("missing", "present")
    if begin is None:
        return parts
    return parts[parts.index("missing" if begin.value is None else "present") :]


def _unwrapped(text: str) -> bytes:
    return b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
