"""What stands in a service's code as options, and is not of their kind: a type checker would have told."""

from collections.abc import Callable
from typing import Any, cast

from pi_server.domain.mount import Mount
from pi_server.domain.operation import Operation
from pi_server.domain.service import Service

_Kind = tuple[Callable[[Any], bool], str]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0


def _each(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple) and all(map(holds, cast("tuple[object, ...]", value)))


_TYPES: _Kind = (_each(_text), 'a tuple of content types, such as ("application/json",)')
_LINKS: _Kind = (_each(callable), "a tuple of functions, such as (link,)")
_TEXT: _Kind = (_text, "text")

_OF_OPERATION: dict[str, _Kind] = {
    "scope": _TEXT,
    "chain": _TEXT,
    "timeout": (_seconds, "a number of seconds above 0"),
    "consumes": _TYPES,
    "produces": _TYPES,
    "middlewares": _LINKS,
    "status": (lambda value: value in range(200, 600), "a status from 200 to 599"),
    "once": (lambda value: value in (False, True, "required"), 'True, False or "required"'),
    "enquire": (_text, "the name of a method"),
}
_OF_SERVICE: dict[str, _Kind] = {"root": _TEXT, "consumes": _TYPES, "produces": _TYPES, "middlewares": _LINKS}


def odd_option(mount: Mount) -> str:
    """Which option of an operation is not of its kind, or else of its service; empty if all are."""
    return _odd(mount.operation, _OF_OPERATION) or _odd(type(mount.service), _OF_SERVICE)


def _odd(declared: Operation | type[Service], kinds: dict[str, _Kind]) -> str:
    given = {name: getattr(declared, name) for name in kinds}
    wrong = (name for name, (holds, _) in kinds.items() if given[name] is not None and not holds(given[name]))
    name = next(wrong, "")
    of = f"{declared.__name__}." if isinstance(declared, type) else ""
    return f"cannot be served: {of}{name} must be {kinds[name][1]} (got {given[name]!r:.60})" if name else ""
