"""Reading a consumer's JSON: strict, exact and bounded.

Duplicate keys, NaN, lone surrogates and invalid UTF-8 are refused by the parser; depth, size and length of numbers are
checked on the tree.  Numbers with a point become `Decimal`, never a float on the way.
"""

from decimal import Decimal
from typing import Any, TypeGuard

import jiter

from pi_server.domain.faults import Detail, InvalidSyntax

MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_DIGITS = 64
_LARGEST = 10**MAX_DIGITS


def parse_json(body: bytes) -> Any:
    """The value of a JSON document.

    Raises:
        InvalidSyntax: no JSON, or JSON beyond the limits above.
    """
    try:
        value = jiter.from_json(
            body, allow_inf_nan=False, catch_duplicate_keys=True, float_mode="decimal", cache_mode="keys"
        )
    except ValueError as error:
        raise InvalidSyntax(details=(Detail("body", _reason(str(error))),)) from None
    _examine(value)
    return value


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a parsed value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a parsed value is a JSON array."""
    return isinstance(value, list)


def _reason(text: str) -> str:
    """Keep the parser's words and position, but not the key it names: it could be anything."""
    what, _, where = text.partition(" at line ")
    words = what.partition(' "')[0].capitalize()
    return f"{words} at line {where}" if where else words


def _examine(value: Any) -> None:
    """Walk level by level: no recursion, so that depth is counted rather than suffered."""
    level, nodes, depth = [value], 0, 0
    while level:
        nodes += len(level)
        if nodes > MAX_NODES:
            raise _beyond(f"more than {MAX_NODES} values")
        depth += 1
        if depth > MAX_DEPTH:
            raise _beyond(f"nested deeper than {MAX_DEPTH} levels")
        below: list[Any] = []
        for item in level:
            if is_object(item):
                below.extend(item.values())
            elif is_array(item):
                below.extend(item)
            elif isinstance(item, (int, Decimal)):
                _check_number(item)
        level = below


def _check_number(number: int | Decimal) -> None:
    """Refuse a number too long to be meant.

    Raises:
        InvalidSyntax: more than 64 digits, or an exponent beyond 64.
    """
    if isinstance(number, int):
        absurd = not -_LARGEST < number < _LARGEST
    else:
        absurd = not number.is_finite() or is_absurd(number)
    if absurd:
        raise _beyond(f"a number with more than {MAX_DIGITS} digits or an exponent beyond {MAX_DIGITS}")


def is_absurd(number: Decimal) -> bool:
    """Whether a decimal has more than 64 digits or an exponent beyond 64 either way."""
    _, digits, exponent = number.as_tuple()
    return len(digits) > MAX_DIGITS or not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS


def _beyond(what: str) -> InvalidSyntax:
    return InvalidSyntax(details=(Detail("body", f"The document has {what}"),))
