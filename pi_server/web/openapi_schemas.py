"""JSON Schemas of everything operations take and give, generated together so that equal models are told once."""

import re
from collections.abc import Hashable, Iterable
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema, to_json

Json = dict[str, Any]

NULL: Json = {"type": "null"}

_REFERENCE = "#/components/schemas/"
_NAMED = re.compile(rf'"\$ref":"{_REFERENCE}([^"]+)"')


class _Generator(GenerateJsonSchema):
    """What pydantic says of its models, and what this server adds: an input has no unknown fields."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as pydantic declares it

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title that repeats the field's name says nothing."""
        return False

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Json:
        """Tell a type that JSON Schema has no word for as any value, instead of telling nothing of the others."""
        return {}

    def model_schema(self, schema: core_schema.ModelSchema) -> Json:
        """As pydantic, but closed on input unless the model itself says what to do with unknown fields."""
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        if self.mode == "validation" and "properties" in found and "extra" not in model.model_config:
            found.setdefault("additionalProperties", False)
        return found


class Schemas:
    """The schemas of many types by key; `definitions` are the components they refer to."""

    def __init__(self, wanted: Iterable[tuple[Hashable, JsonSchemaMode, TypeAdapter[Any]]]) -> None:
        """Generate all at once; a key must be unique for its mode."""
        found, tail = TypeAdapter.json_schemas(
            wanted, ref_template=f"{_REFERENCE}{{model}}", schema_generator=_Generator
        )
        self._found = found
        self.definitions: Json = tail.get("$defs", {})

    def taken(self, key: Hashable) -> Json:
        """The schema of what a consumer may send."""
        return self._found[key, "validation"]

    def given(self, key: Hashable) -> Json:
        """The schema of what a consumer gets."""
        return self._found[key, "serialization"]

    def fields(self, schema: Json) -> Json:
        """The object behind a schema that may be a reference to it, or optional."""
        name = without_null(schema).get("$ref", "").removeprefix(_REFERENCE)
        return self.definitions[name] if name else schema


def referred(definitions: Json, document: Any) -> Json:
    """Those of ``definitions`` that ``document`` refers to, directly or through another."""
    found: Json = {}
    unread = [document]
    while unread:
        names = set(_NAMED.findall(to_json(unread.pop(), fallback=str).decode())) & definitions.keys() - found.keys()
        found |= {name: definitions[name] for name in names}
        unread += [definitions[name] for name in names]
    return dict(sorted(found.items()))


def may_be_null(schema: Json) -> bool:
    """Whether null is one of what a schema allows."""
    return schema == NULL or NULL in schema.get("anyOf", ())


def without_null(schema: Json) -> Json:
    """What a schema allows beside null."""
    options = [option for option in schema.get("anyOf", ()) if option != NULL]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    match options:
        case []:
            return schema
        case [only]:
            return {**only, **rest}
        case _:
            return {**rest, "anyOf": options}


def or_null(schema: Json) -> Json:
    """What a schema allows, and null."""
    return schema if may_be_null(schema) else {"anyOf": [schema, NULL]}


def without_fields(schema: Json, names: Iterable[str]) -> Json:
    """An object's schema less the fields that come from elsewhere."""
    left = {**schema, "properties": {n: s for n, s in schema["properties"].items() if n not in names}}
    required = [name for name in schema.get("required", ()) if name not in names]
    return {**left, "required": required} if required else {k: v for k, v in left.items() if k != "required"}


def closed_object(properties: Json, required: Iterable[str]) -> Json:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
    }
