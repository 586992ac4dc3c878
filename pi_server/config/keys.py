"""Every key a model knows, read from its JSON Schema: for suggestions and for the reference page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pi_server.config.given import KeyPath
from pi_server.config.problems import ANY_NAME

if TYPE_CHECKING:
    from pydantic import BaseModel

Schema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """A key that holds a value, with the schema of that value; a freely chosen name in its path is ``<name>``."""

    path: KeyPath
    schema: Schema
    required: bool

    def __str__(self) -> str:
        return ".".join(self.path)


def keys_of(model: type[BaseModel]) -> tuple[Key, ...]:
    """The keys of ``model`` and of the sections below it, in the order they are declared."""
    schema = model.model_json_schema()
    return tuple(_walk((), schema, schema.get("$defs", {}), True, ""))


def _walk(path: KeyPath, schema: Schema, shared: Schema, required: bool, told: str) -> Iterator[Key]:
    told = schema.get("description", told)
    whole = _resolved(schema, shared)
    if "properties" in whole:
        for name, below in whole["properties"].items():
            yield from _walk((*path, name), below, shared, name in whole.get("required", ()), "")
    elif (below := _any_name(whole)) is not None:
        yield from _walk((*path, ANY_NAME), below, shared, False, told)
    else:
        yield Key(path, {"description": told, **whole}, required)


def _resolved(schema: Schema, shared: Schema) -> Schema:
    reference = schema.get("$ref")
    return shared[reference.rpartition("/")[2]] if reference else schema


def _any_name(schema: Schema) -> Schema | None:
    """The schema of the values of a mapping whose keys are free."""
    patterns = schema.get("patternProperties", {})
    below: Schema | bool | None = next(iter(patterns.values()), schema.get("additionalProperties"))
    return None if isinstance(below, bool) else below
