"""Filters, orders and indexes in the words of SQLite.

A field is always asked for by one expression, its *key*: numbers stand before texts, texts before booleans and these
before times (both as blobs), and what is no plain value is NULL.  So one index on it serves equality, ranges, order and
uniqueness, which it does only where its text is the very text of the query's expression.
"""

from datetime import datetime
from typing import TypeAlias

from pi_server.domain.filters import Compare, HasId, OneOf, Scalar
from pi_server.domain.stores import Index
from pi_server.stores.documents import iso
from pi_server.stores.filters import Every, Kind, Plain, Some, kind_of
from pi_server.stores.paging import Part, Position

Value: TypeAlias = str | int | float | bytes | None
Sql: TypeAlias = tuple[str, tuple[Value, ...]]

_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_FIRST: dict[Kind, str] = {"text": "''", "time": "x'02'"}  # of its kind; what comes before is of another
_PAST: dict[Kind, str] = {"number": "''", "text": "x''"}


def key(field: str) -> str:
    """The expression that stands for a field whose path was checked."""
    path = _path(field)
    value = f"json_extract(document, '{path}')"
    return (
        f"CASE json_type(document, '{path}') WHEN 'integer' THEN {value} WHEN 'real' THEN {value} "
        f"WHEN 'text' THEN {value} WHEN 'false' THEN x'00' WHEN 'true' THEN x'01' "
        f"WHEN 'object' THEN CAST(json_extract(document, '{path}.\"$date\"') AS BLOB) END"
    )


def condition(asked: Plain) -> Sql:
    """What stands behind WHERE."""
    match asked:
        case Every():
            return _joined(" AND ", "1", asked)
        case Some():
            return _joined(" OR ", "0", asked)
        case HasId(id):
            return "id = ?", (id,)
        case OneOf(field, values):
            return _one_of(field, values)
        case Compare(field, ("eq" | "ne") as operator, value):
            return _equal(field, value, operator == "eq")
        case Compare(field, operator, value):
            return _ordered(field, _SIGNS[operator], value)


def range_of(part: Part, behind: Position | None, field: str | None, descending: bool) -> Sql:
    """The condition that holds for one part of an ordered collection, behind a position in it."""
    beyond = "<" if descending else ">"
    if part == "present":
        if behind is None:
            return f"{key(field or '')} IS NOT NULL", ()
        return f"({key(field or '')}, id) {beyond} (?, ?)", (_value(behind.value), behind.id)
    missing = f"{key(field)} IS NULL" if field else "1"
    return (missing, ()) if behind is None else (f"{missing} AND id {beyond} ?", (behind.id,))


def order_by(part: Part, field: str | None, descending: bool) -> str:
    """What stands behind ORDER BY."""
    direction = "DESC" if descending else "ASC"
    by_key = f"{key(field)} {direction}, " if field and part == "present" else ""
    return f"{by_key}id {direction}"


def columns(index: Index) -> str:
    """What an index is made of; equal values are ordered by id, so that pages need no sorting."""
    keys = [key(field) for field in index.fields]
    return ", ".join(keys if index.unique else [*keys, "id"])


def _path(field: str) -> str:
    return "$" + "".join(f'."{name}"' for name in field.split("."))


def _joined(word: str, none: str, parts: tuple[Plain, ...]) -> Sql:
    if not parts:
        return none, ()
    each = [condition(part) for part in parts]
    return f"({word.join(text for text, _ in each)})", tuple(value for _, values in each for value in values)


def _equal(field: str, value: Scalar, equal: bool) -> Sql:
    if value is None:
        return _null(field) if equal else (f"NOT {_null(field)[0]}", ())
    return f"{key(field)} {'IS' if equal else 'IS NOT'} ?", (_value(value),)


def _null(field: str) -> Sql:
    """A list has no key either, but is not null; asking for the key first finds the way through the index."""
    return f"({key(field)} IS NULL AND coalesce(json_type(document, '{_path(field)}'), 'null') = 'null')", ()


def _one_of(field: str, values: tuple[Scalar, ...]) -> Sql:
    given = tuple(_value(value) for value in values if value is not None)
    among = f"{key(field)} IN ({', '.join('?' * len(given))})"
    return (f"({among} OR {_null(field)[0]})" if None in values else among), given


def _ordered(field: str, sign: str, value: Scalar) -> Sql:
    kind = kind_of(value)
    if kind is None or kind == "bool":
        return "0", ()
    bounds = [f"{key(field)} {sign} ?"]
    if sign in _BELOW and kind in _FIRST:
        bounds.append(f"{key(field)} >= {_FIRST[kind]}")
    if sign not in _BELOW and kind in _PAST:
        bounds.append(f"{key(field)} < {_PAST[kind]}")
    return f"({' AND '.join(bounds)})", (_value(value),)


_BELOW = ("<", "<=")


def _value(value: Scalar) -> Value:
    if isinstance(value, bool):
        return b"\x01" if value else b"\x00"
    return iso(value).encode() if isinstance(value, datetime) else value
