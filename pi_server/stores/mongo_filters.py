"""Filters, orders and documents in the words of MongoDB.

A list is kept as ``{"$list": [...]}``, a name no document can hold otherwise.  Left as it is, MongoDB would look into
it: a list would equal each of its items, an index would hold them all, and a path would lead through it.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from pi_server.domain.filters import Compare, HasId, OneOf
from pi_server.domain.stores import Document, Order
from pi_server.stores.filters import Every, Kind, Plain, Some, kind_of
from pi_server.stores.paging import Part, Position

Query: TypeAlias = dict[str, Any]

NEVER: Query = {"_id": {"$in": []}}
PLAIN = ["number", "string", "bool", "date"]  # in the order MongoDB sorts them
_TYPES: dict[Kind, str] = {"number": "number", "text": "string", "bool": "bool", "time": "date"}


def path(field: str) -> str:
    """Where a document's field is in MongoDB's."""
    return f"document.{field}"


def field_of(where: str) -> str:
    """The field whose path that is."""
    return "id" if where == "_id" else where.removeprefix("document.")


def condition(asked: Plain) -> Query:
    """The filter for a driver; no value in it is anything but a plain one."""
    match asked:
        case Every():
            return {"$and": [condition(part) for part in asked]} if asked else {}
        case Some():
            return {"$or": [condition(part) for part in asked]} if asked else NEVER
        case HasId(id):
            return {"_id": {"$eq": id}}
        case OneOf(field, values):
            return {path(field): {"$in": list(values)}}
        case Compare(field, ("eq" | "ne") as operator, value):
            return {path(field): {f"${operator}": value}}
        case Compare(field, operator, value):
            return NEVER if kind_of(value) in (None, "bool") else {path(field): {f"${operator}": value}}


def range_of(part: Part, behind: Position | None, order: Order) -> Query:
    """The filter for one part of an ordered collection, behind a position in it."""
    beyond = "$lt" if order.descending else "$gt"
    if order.field and part == "present":
        return _present(path(order.field), behind, order.descending, beyond)
    missing = {"$or": [{path(order.field): None}, {path(order.field): {"$type": "object"}}]} if order.field else {}
    return missing if behind is None else {**missing, "_id": {beyond: behind.id}}


def sort(part: Part, order: Order) -> dict[str, int]:
    """What a driver sorts by."""
    direction = -1 if order.descending else 1
    by_field = {path(order.field): direction} if order.field and part == "present" else {}
    return {**by_field, "_id": direction}


def packed(document: Document) -> Document:
    """The document as MongoDB keeps it."""
    return {name: _packed(value) for name, value in document.items()}


def unpacked(kept: Mapping[str, Any]) -> Document:
    """The document that was packed."""
    return {name: _unpacked(value) for name, value in kept.items()}


def _packed(value: Any) -> Any:
    if isinstance(value, dict):
        return packed(cast("Document", value))
    return {"$list": cast("object", value)} if isinstance(value, list) else value  # no path leads into it


def _unpacked(value: Any) -> Any:
    if isinstance(value, dict):
        inside = cast("Document", value)
        return _plain(inside["$list"]) if "$list" in inside else unpacked(inside)
    return _plain(value)


def _plain(value: Any) -> Any:
    """Without the driver's own kind of whole number."""
    if isinstance(value, list):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - mypy knows it is Any
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in cast("Document", value).items()}
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _present(name: str, behind: Position | None, descending: bool, beyond: str) -> Query:
    """Comparisons of MongoDB's hold within a kind, so the kinds behind the position's are named."""
    kind = None if behind is None else kind_of(behind.value)
    if behind is None or kind is None:
        return {name: {"$type": PLAIN}}
    place = PLAIN.index(_TYPES[kind])
    rest = PLAIN[:place] if descending else PLAIN[place + 1 :]
    same = [{name: behind.value, "_id": {beyond: behind.id}}, {name: {beyond: behind.value}}]
    return {"$or": [*same, {name: {"$type": rest}}] if rest else same}
