"""Examples made up from models: what a provider could answer, where nobody has said anything better."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

_DEPTH = 8  # models may hold themselves
_TEXTS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1S",
    "uuid": "6a8e3c52-0c1f-4d0b-9d3a-0f6f4f0c7a11",
    "email": "ann@example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
}


def example_of(model: type[M]) -> M:
    """An instance of ``model``: examples and defaults where it has some, else the smallest values of each type.

    Raises:
        ValueError: it asks for more than its types tell, such as a text that matches a pattern.
    """
    schema = model.model_json_schema()
    try:
        return model.model_validate(_value(schema, schema.get("$defs", {}), _DEPTH))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise ValueError(f"no {model.__name__} can be made up ({where}); give its fields examples") from error


def _value(schema: dict[str, Any], shared: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        return _value({**shared[schema["$ref"].rpartition("/")[2]], **_told(schema)}, shared, depth)
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _value(schema[key][0], shared, depth)
    return _typed(schema, shared, depth - 1) if depth else None


def _told(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key in ("examples", "default")}


def _typed(schema: dict[str, Any], shared: dict[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            return {n: _value(s, shared, depth) for n, s in schema.get("properties", {}).items() if n in required}
        case "array":
            return [_value(schema.get("items", {}), shared, depth)] * schema.get("minItems", 1)
        case "string":
            return _TEXTS.get(schema.get("format", "")) or "example".ljust(schema.get("minLength", 0), "x")
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
        case _:
            return None
