"""JSON of what is of its type, and an error for anything else.

Pydantic has ``warnings="error"`` for that, but each time it reads a text there it first fails to read a truth value,
with exceptions inside, which takes longer than most answers do to dump.  So it warns, as it does by default, and one
filter of Python's own makes an error of just these warnings from just this module.
"""

import re
import warnings
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

_SAID = "Pydantic serializer warnings"  # how they all begin; a plugin's own serializers may warn of other things


def strict_dump(output: Any) -> Callable[[Any], bytes]:
    """What dumps values of the type ``output``.

    It raises UserWarning, or PydanticSerializationError, for a value that is not of its type.
    """
    to_json = TypeAdapter(output).serializer.to_json

    def dump(value: Any) -> bytes:
        if warnings.filters[:1] != _FIRST:  # a plugin added one of its own, or took them all away
            _put_first()
        return to_json(value, by_alias=True)

    return dump


def _put_first() -> list[object]:
    warnings.filterwarnings("error", _SAID, UserWarning, re.escape(__name__))  # moved, if it was there
    return list(warnings.filters[:1])


_FIRST = _put_first()
