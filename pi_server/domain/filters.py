"""What a store can be asked for: a closed language, so that nothing a consumer sends is ever an operator.

    where("owner").eq("u1") & where("taken").gte(start)
    where("city").prefix("Te") | where("city").one_of("Karaj", "Qom")
    where("owner").eq("u1") & with_id(id)

Every store gives it the same meaning:

- a field is a dotted path of plain names; one that is missing is as one that is null
- ``eq`` and ``ne`` take null too, and ``ne`` holds where the field is missing; the orders (``lt`` ...) hold only
  between two numbers, two texts or two times, ``prefix`` only for texts
- a list or an object as a value is never equal to, or ordered against, anything but ``ne``
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | datetime | None
Operator: TypeAlias = Literal["eq", "ne", "lt", "lte", "gt", "gte"]

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)


class _Combinable:
    """What ``&`` and ``|`` put together."""

    __slots__ = ()

    def __and__(self, other: Filter) -> Filter:
        return AllOf((*_parts(self, AllOf), *_parts(other, AllOf)))

    def __or__(self, other: Filter) -> Filter:
        return AnyOf((*_parts(self, AnyOf), *_parts(other, AnyOf)))


@dataclass(frozen=True, slots=True)
class Compare(_Combinable):
    """A field against one value."""

    field: str
    operator: Operator
    value: Scalar


@dataclass(frozen=True, slots=True)
class OneOf(_Combinable):
    """A field equal to one of several values; of none, it never holds."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Exists(_Combinable):
    """A field that has a value other than null, or has none."""

    field: str
    present: bool


@dataclass(frozen=True, slots=True)
class Prefix(_Combinable):
    """A text that begins with another, letter by letter."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class HasId(_Combinable):
    """The document with this id."""

    id: str


@dataclass(frozen=True, slots=True)
class AllOf(_Combinable):
    """Every part holds; of no parts, always."""

    parts: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf(_Combinable):
    """At least one part holds; of no parts, never."""

    parts: tuple[Filter, ...] = ()


Filter: TypeAlias = Compare | OneOf | Exists | Prefix | HasId | AllOf | AnyOf

EVERYTHING = AllOf()


def _parts(one: object, kind: type[AllOf | AnyOf]) -> tuple[Filter, ...]:
    """Flat, so that a long ``a & b & c`` is one conjunction."""
    if isinstance(one, kind):
        return one.parts
    if isinstance(one, Compare | OneOf | Exists | Prefix | HasId | AllOf | AnyOf):
        return (one,)
    raise TypeError(f"{type(one).__name__} is no filter")


def field_path(name: str) -> str:
    """``name`` itself, if it can be the path of a field; ValueError otherwise."""
    if not _FIELD.fullmatch(name):
        raise ValueError(f"{name!r} is no path of a field")
    return name


def with_id(id: str) -> Filter:  # noqa: A002
    """The one document with that id, to be put together with what else must hold of it.

    Raises:
        TypeError: an id is a text: an object sent by a consumer is never one.
    """
    return HasId(checked_id(id))


def checked_id(value: object) -> str:
    """``value`` itself, if it is a text."""
    if not isinstance(value, str):
        raise TypeError(f"an id is a text, not {type(value).__name__}")
    return value


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, str | int | float | bool | datetime):
        return value
    raise TypeError(f"a filter compares with plain values, not with {type(value).__name__}")


class where:  # noqa: N801 - reads as the word it is
    """Begins a filter on one field.

    Raises:
        ValueError: the field's name is no dotted path of plain names.
        TypeError: what it is compared with is no plain value: an object sent by a consumer is never a filter.
    """

    __slots__ = ("_field",)

    def __init__(self, field: str) -> None:
        self._field = field_path(field)

    def eq(self, value: Scalar) -> Filter:
        """Equal; null means null or missing."""
        return Compare(self._field, "eq", _scalar(value))

    def ne(self, value: Scalar) -> Filter:
        """Not equal, or missing."""
        return Compare(self._field, "ne", _scalar(value))

    def lt(self, value: Scalar) -> Filter:
        """Less, and of the same kind."""
        return Compare(self._field, "lt", _scalar(value))

    def lte(self, value: Scalar) -> Filter:
        """Less or equal, and of the same kind."""
        return Compare(self._field, "lte", _scalar(value))

    def gt(self, value: Scalar) -> Filter:
        """Greater, and of the same kind."""
        return Compare(self._field, "gt", _scalar(value))

    def gte(self, value: Scalar) -> Filter:
        """Greater or equal, and of the same kind."""
        return Compare(self._field, "gte", _scalar(value))

    def one_of(self, *values: Scalar) -> Filter:
        """Equal to one of ``values``."""
        return OneOf(self._field, tuple(_scalar(value) for value in values))

    def exists(self, present: bool = True) -> Filter:
        """Has a value other than null."""
        return Exists(self._field, present)

    def prefix(self, text: str) -> Filter:
        """Text that begins with ``text``."""
        return Prefix(self._field, text)
