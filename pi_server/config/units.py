"""Quantities of the configuration: times in seconds and sizes in bytes, written with or without a unit."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

LONGEST: Final = 24 * 3600.0
LARGEST: Final = 2**40
_TIME: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(ms|s|m|h)?\s*", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE: Final = re.compile(r"\s*([0-9]{1,15})\s*(B|KiB|MiB|GiB)?\s*", re.ASCII)
_BYTES: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TIME_TEXT: Final = "must be a time such as 500ms, 3s, 2m or 1.5 (seconds), above 0 and at most 24h"
_SIZE_TEXT: Final = "must be a size such as 64KiB, 2MiB or 1024 (bytes), at least 1 and at most 1024GiB"


def seconds(value: object) -> float:
    """The seconds meant by ``value`` (``3s``, ``500ms``, ``2m``, ``1h``, ``1.5`` or a number).

    Raises PydanticCustomError, a ValueError, unless it is a time above 0 and at most 24 hours.
    """
    found = _seconds_of(value)
    if found is None or not 0 < found <= LONGEST:
        raise PydanticCustomError("duration", _TIME_TEXT)
    return found


def size(value: object) -> int:
    """The bytes meant by ``value`` (``2MiB``, ``64KiB`` or a whole number).

    Raises PydanticCustomError, a ValueError, unless it is at least one byte and at most 1024 GiB.
    """
    found = _bytes_of(value)
    if found is None or not 0 < found <= LARGEST:
        raise PydanticCustomError("size", _SIZE_TEXT)
    return found


def seconds_text(value: float) -> str:
    """``value`` seconds as the configuration would spell them: ``15s``, ``500ms``."""
    return f"{value:.12g}s" if value >= 1 else f"{value * 1000:.12g}ms"


def size_text(value: int) -> str:
    """``value`` bytes in the largest unit that divides them: ``1MiB``, ``1000B``."""
    unit = next(name for name in reversed(_BYTES) if value % _BYTES[name] == 0)
    return f"{value // _BYTES[unit]}{unit}"


def _seconds_of(value: object) -> float | None:
    if isinstance(value, str):
        match = _TIME.fullmatch(value)
        return float(match[1]) * _SECONDS[match[2] or "s"] if match else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value <= LONGEST else None  # compared first: a huge whole number fits no float


def _bytes_of(value: object) -> int | None:
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        return int(match[1]) * _BYTES[match[2] or "B"] if match else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(seconds_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST},
                {"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*(ms|s|m|h)?\s*$"},
            ],
            "x-kind": "time",
            "examples": ["500ms", "3s", "2m", 1.5],
        },
    ),
]
"""Seconds: a number, or text with the unit ms, s, m or h; above 0, at most 24 hours."""

Size = Annotated[
    int,
    BeforeValidator(size),
    PlainSerializer(size_text, return_type=str, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": LARGEST},
                {"type": "string", "pattern": r"^\s*[0-9]{1,15}\s*(B|KiB|MiB|GiB)?\s*$"},
            ],
            "x-kind": "size",
            "examples": ["64KiB", "2MiB", 1024],
        },
    ),
]
"""Bytes: a whole number, or text with the unit B, KiB, MiB or GiB; at least 1, at most 1024 GiB."""
