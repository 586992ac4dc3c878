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
        level = _below(level)


def _below(level: list[Any]) -> list[Any]:
    """The values one level deeper; the parser makes no subclasses, so types are compared, which is quicker.

    Raises:
        InvalidSyntax: a number of this level has more than 64 digits, or an exponent beyond 64.
    """
    below: list[Any] = []
    for item in level:
        kind = item.__class__
        if kind is str:  # as most are
            continue
        if kind is dict:
            below += item.values()
        elif kind is list:
            below += item
        elif (kind is Decimal and is_absurd(item)) or (kind is int and not -_LARGEST < item < _LARGEST):
            raise _beyond(f"a number with more than {MAX_DIGITS} digits or an exponent beyond {MAX_DIGITS}")
    return below


def is_absurd(number: Decimal) -> bool:
    """Whether a decimal is not finite, or has more than 64 digits or an exponent beyond 64 either way."""
    text = str(number)
    if len(text) <= MAX_DIGITS and "E" not in text and number.is_finite():
        return False  # all of its digits and places are in a short text: much quicker than to take it apart
    _, digits, exponent = number.as_tuple()
    return len(digits) > MAX_DIGITS or not isinstance(exponent, int) or abs(exponent) > MAX_DIGITS


def _beyond(what: str) -> InvalidSyntax:
    return InvalidSyntax(details=(Detail("body", f"The document has {what}"),))
