"""Filters in the few words that every keeper then puts into its own language."""

from typing import Literal, TypeAlias, cast

from pi_server.domain.faults import Unstorable
from pi_server.domain.filters import (
    AllOf,
    AnyOf,
    Compare,
    Exists,
    Filter,
    HasId,
    OneOf,
    Prefix,
    Scalar,
    checked_id,
    field_path,
)
from pi_server.stores.documents import possible_id, scalar

Plain: TypeAlias = "Compare | OneOf | HasId | Every | Some"
Kind: TypeAlias = Literal["number", "text", "bool", "time"]

CONDITIONS = 500
"""Parts of a filter, at most: SQLite's parser goes 1000 deep."""
VALUES = 5000
"""Values in all its lists, at most."""


class Every(tuple["Plain", ...]):
    """All of these hold."""

    __slots__ = ()


class Some(tuple["Plain", ...]):
    """At least one of these holds."""

    __slots__ = ()


def plain(asked: Filter) -> Plain:
    """The same question with fewer words, every name and value in it checked.

    Raises:
        TypeError: something in it is no filter, or no plain value.
        ValueError: a field's name is no path, or the filter is too long.
        Unstorable: a value that no document can hold.
    """
    _check_length(asked)
    return _plain(asked)


def kind_of(value: object) -> Kind | None:
    """Values of one kind can be equal, and but for booleans ordered; null, lists and objects are of none."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        return "number"
    return None if value is None or isinstance(value, list | dict) else "time"


def after_all(prefix: str) -> str | None:
    """The first text behind all that begin with ``prefix``; None where there is none."""
    shorter = prefix.rstrip("\U0010ffff")
    if not shorter:
        return None
    following = ord(shorter[-1]) + 1
    return shorter[:-1] + ("\ue000" if following == 0xD800 else chr(following))  # what lies between is no character


def _check_length(asked: Filter) -> None:
    """Step by step, for what is too deep for a recursion must be found too."""
    conditions, values, left = 0, 0, [asked]
    while left:
        one = left.pop()
        conditions += 1
        if isinstance(one, AllOf | AnyOf):
            left.extend(one.parts)
        elif isinstance(one, OneOf):
            values += len(one.values)
        if conditions > CONDITIONS or values > VALUES:
            raise ValueError(f"a filter has at most {CONDITIONS} conditions and {VALUES} values")


def _plain(asked: Filter) -> Plain:
    match asked:
        case AllOf(parts):
            return Every(map(_plain, parts))
        case AnyOf(parts):
            return Some(map(_plain, parts))
        case HasId(id):
            return asked if possible_id(checked_id(id)) else Some()  # what no document can have, none is found by
        case _:
            return _of_a_field(asked)


def _of_a_field(asked: Filter) -> Plain:
    match asked:
        case OneOf(field, values):
            return OneOf(field_path(field), tuple(map(_value, values)))
        case Exists(field, present):
            return Compare(field_path(field), "ne" if present else "eq", None)
        case Prefix(field, text):
            return _prefix(field_path(field), cast("object", text))
        case Compare(field, operator, value):
            return Compare(field_path(field), operator, _value(value))
        case _:
            raise TypeError(f"{type(asked).__name__} is no filter")


def _prefix(field: str, text: object) -> Plain:
    """A range rather than a pattern: it finds its way through an index, and nothing in it has a meaning of its own."""
    if not isinstance(text, str):
        raise TypeError(f"a text begins with a text, not with {type(text).__name__}")
    first = Compare(field, "gte", _value(text))
    end = after_all(text)
    return first if end is None else Every((first, Compare(field, "lt", end)))


def _value(value: object) -> Scalar:
    try:
        return scalar(value)
    except ValueError as error:
        raise Unstorable(reason=f"a filter's value: {error}") from None
