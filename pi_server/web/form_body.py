"""The fields of a form, however it is sent."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from pi_server.domain.faults import Detail, InvalidSyntax

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 1000


def parse_form(body: bytes, many: frozenset[str]) -> dict[str, Any]:
    """The fields of an urlencoded form; those in ``many`` are lists.

    Raises:
        InvalidSyntax: no such form, more than `MAX_FIELDS` fields, or one given twice.
    """
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise bad_form() from None
    return fields_of(pairs, many)


def fields_of(pairs: Iterable[tuple[str, str]], many: frozenset[str]) -> dict[str, Any]:
    """Fields by name; `InvalidSyntax` for one given twice that is not in ``many``."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in many:
            fields.setdefault(name, []).append(value)
        elif name in fields:
            raise bad_form(Detail(name, "Given twice"))
        else:
            fields[name] = value
    return fields


def bad_form(*details: Detail) -> InvalidSyntax:
    """The fault of a form that cannot be read."""
    return InvalidSyntax(message="The request body is not a valid form.", details=details)
