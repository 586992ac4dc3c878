"""Decimals that came as text, where the parser of the body could not tell that a number was meant.

A model's fields that never hold one are found when it is mounted: most texts, dates and flags of a body are not looked
at again.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, cast

from pydantic import BaseModel

from pi_server.web.json_body import is_absurd, is_object

_NEVER = frozenset(
    {"str", "bytes", "int", "float", "bool", "none", "literal", "enum", "uuid", "url", "multi-host-url"}
    | {"date", "time", "datetime", "timedelta"}
)
_AROUND = frozenset({"nullable", "default", "model"})
_SEVERAL = frozenset({"list", "set", "frozenset"})


class Decimals:
    """The decimals in the values of one type."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """``schema`` is pydantic's own of the type."""
        models = [each for each in _schemas(schema) if each.get("type") == "model" and "cls" in each]
        self._fields = {model["cls"]: _fields_of(model["schema"]) for model in models if _is_plain(model)}

    def absurd(self, value: Any) -> list[str]:
        """Paths, below ``value``, of decimals too long to be meant; of itself it is the empty text."""
        return list(_paths(value)) if self._holds_absurd(value) else []  # paths are made for nothing nearly always

    def _holds_absurd(self, value: Any) -> bool:
        if isinstance(value, Decimal):
            return is_absurd(value)
        known = self._fields.get(type(value))
        if known is None:
            return any(self._holds_absurd(item) for _, item in _parts(value))
        for name in known:  # no any() here: its generator takes longer than to look at what most models hold
            item = value.__dict__.get(name)
            if item is not None and self._holds_absurd(item):
                return True
        return False


def _paths(value: Any) -> Iterator[str]:
    if isinstance(value, Decimal):
        if is_absurd(value):
            yield ""
        return
    for name, item in _parts(value):
        yield from (f"{name}.{path}" if path else str(name) for path in _paths(item))


def has_decimal(schema: Any) -> bool:
    """Whether pydantic's schema of a type speaks of a decimal."""
    return any(each.get("type") == "decimal" for each in _schemas(schema))


def _schemas(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all that are inside of it."""
    if is_object(schema):
        yield schema
        for inner in schema.values():
            yield from _schemas(inner)
    elif isinstance(schema, (list, tuple)):
        for inner in cast("Iterable[Any]", schema):
            yield from _schemas(inner)


def _is_plain(model: Mapping[str, Any]) -> bool:
    """Whether a model is nothing but the fields it declares."""
    inner = model["schema"]
    return inner["type"] == "model-fields" and "extras_schema" not in inner


def _fields_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, field in schema["fields"].items() if _may_hold(field["schema"]))


def _may_hold(schema: Mapping[str, Any]) -> bool:
    """Whether there may be a decimal in a value; of kinds not known here, plugins' own among them, anything may be."""
    kind = schema["type"]
    if kind in _SEVERAL:
        return "items_schema" not in schema or _may_hold(schema["items_schema"])
    if kind == "model-fields":
        return "extras_schema" in schema or bool(_fields_of(schema))
    return _may_hold(schema["schema"]) if kind in _AROUND else kind not in _NEVER


def _parts(value: Any) -> Iterable[tuple[Any, Any]]:
    """What is in a value of any kind, by name or index."""
    if isinstance(value, BaseModel):
        return {**value.__dict__, **(value.model_extra or {})}.items()
    if is_object(value):
        return [*value.items(), *zip(value, value, strict=True)]  # the keys may be decimals, too
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return enumerate(cast("Iterable[Any]", value))
    if is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name, None)) for field in fields(value)]
    return ()
