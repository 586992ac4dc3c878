"""The table of all keys for the configuration page of the documentation, generated from the models."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from pi_server.config.keys import Key, Schema, keys_of
from pi_server.config.model import Config
from pi_server.config.problems import ANY_NAME, variable
from pi_server.config.sources import ALIASES, SERVICE_ALIAS
from pi_server.config.units import seconds_text, size_text

_HEAD: Final = ("| key | type | default | variable | meaning |", "|---|---|---|---|---|")
_KINDS: Final = {"string": "text", "integer": "whole number", "boolean": "true or false", "number": "number"}
_WRITTEN: Final[Mapping[str, Callable[[Any], str]]] = {"time": seconds_text, "size": size_text}
_FORMATS: Final = {"path": "path", "password": "secret text"}


def configuration_reference() -> str:
    """The Markdown table of every key: type, default, environment variable and description."""
    return "\n".join((*_HEAD, *(_row(key) for key in keys_of(Config)))) + "\n"


def _row(key: Key) -> str:
    cells = (f"`{key}`", _kind(key.schema), _default(key), _variables(key), key.schema["description"])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "x-kind" in schema:
        return str(schema["x-kind"])
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {'type': 'string'}))}"
    if {"minimum", "maximum"} <= schema.keys():
        return f"{schema['minimum']} to {schema['maximum']}"
    return _FORMATS.get(schema.get("format", ""), _KINDS.get(schema.get("type", ""), "any"))


def _default(key: Key) -> str:
    if key.required:
        return "required"
    value: Any = key.schema.get("default")
    if value is None or key.path[-1] == ANY_NAME:
        return ""
    if written := _WRITTEN.get(key.schema.get("x-kind", "")):
        return f"`{written(value)}`"
    return f"`{value if value and isinstance(value, str) else json.dumps(value)}`"


def _variables(key: Key) -> str:
    names = [variable(str(key)), *(name for name, path in ALIASES.items() if path == key.path)]
    if key.path == ("services", ANY_NAME, "timeout"):
        names.append(f"{ANY_NAME.upper()}{SERVICE_ALIAS}")
    return ", ".join(f"`{name}`" for name in names)
