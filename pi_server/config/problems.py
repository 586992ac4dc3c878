"""What is wrong with a configuration, one line each: where, which key, why, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pi_server.config.given import KeyPath, Origins, nearest
from pi_server.config.masks import looks_secret, one_line, without_credentials

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

ANY_NAME: Final = "<name>"
SECRETS: Final = "secrets/"
PREFIX: Final = "PI_"
_LONGEST: Final = 60
_WHOLE: Final = "must be a whole number"
_BOOL: Final = "must be true or false"
_LIST: Final = "must be a list such as [a, b]"
_REASONS: Final = {
    "extra_forbidden": "unknown key",
    "unexpected_keyword_argument": "unknown key",
    "missing": "is missing",
    "missing_argument": "is missing",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "dataclass_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "set_type": _LIST,
    "string_type": "must be text",
    "string_unicode": "must be UTF-8 text",
    "string_too_short": "must not be empty",
    "path_type": "must be a path",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
}
_UNKNOWN: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_WITHOUT_VALUE: Final = _UNKNOWN | {"missing", "missing_argument"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: the dotted key, the reason, where the value was given, and what was probably meant."""

    path: str
    reason: str
    origin: str
    suggestion: str | None = None

    def __str__(self) -> str:
        told = ": ".join(part for part in (self.origin, self.path, self.reason) if part)
        return one_line(f"{told}; did you mean {self.suggestion}?" if self.suggestion else told)

    def placed(self, origins: Origins) -> Problem:
        """With the place its key was given at, where it names none and the section was given at all."""
        path = tuple(self.path.split("."))
        return self if self.origin or path[:1] not in origins else replace(self, origin=nearest(origins, path))


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    def placed(self, origins: Origins) -> ConfigError:
        """The same, each problem with its place."""
        return ConfigError(tuple(problem.placed(origins) for problem in self.problems))


@contextmanager
def placing(origins: Origins) -> Generator[None]:
    """Whatever is found wrong within, by somebody who knows no more than the key, is told with its place."""
    try:
        yield
    except ConfigError as error:
        raise error.placed(origins) from error


def problems_from(
    error: ValidationError,
    prefix: KeyPath,
    origins: Origins,
    known: Collection[str] = (),
) -> tuple[Problem, ...]:
    """The problems in ``error``, a model's verdict on the part of the configuration at ``prefix``.

    ``known`` are the dotted keys that part may have; a misspelt key is compared with them. A value that is
    secret, by its name or because it came from ``secrets/``, is not repeated.
    """
    every = frozenset(".".join((*prefix, key)) for key in known)
    found = [problem for detail in error.errors(include_url=False) for problem in _told(detail, prefix, origins, every)]
    return tuple(dict.fromkeys(found))


def suggest(path: KeyPath, known: Collection[str]) -> str | None:
    """The key of ``known`` that ``path`` was probably meant to be: beside it, elsewhere, or similar as a whole."""
    dotted = [".".join(_filled(tuple(key.split(".")), path)) for key in known]
    if joined := [key for key in dotted if key.replace(".", "_") == "_".join(path)]:
        return joined[0]  # one underscore where two are meant
    parent = "".join(f"{key}." for key in path[:-1])
    beside = sorted({key.removeprefix(parent).split(".")[0] for key in dotted if key.startswith(parent)} - {ANY_NAME})
    if close := difflib.get_close_matches(path[-1].lower(), beside, 1):
        return parent + close[0]
    elsewhere = sorted(key for key in dotted if key.rpartition(".")[2] == path[-1] and ANY_NAME not in key)
    of_server = [key for key in elsewhere if key.startswith("server.")]  # what most people mean by a port
    if len(found := of_server or elsewhere) == 1:
        return found[0]
    return next(iter(difflib.get_close_matches(".".join(path), sorted(dotted), 1, 0.75)), None)


def variable(path: str) -> str:
    """The name of the environment variable for the dotted key ``path``."""
    return PREFIX + path.replace(".", "__").replace("-", "_").upper()


def _filled(key: KeyPath, path: KeyPath) -> KeyPath:
    """``key`` with the free names it has replaced by those of ``path``."""
    given = (*path[:-1], *(ANY_NAME for _ in key))
    return tuple(given[index] if part == ANY_NAME else part for index, part in enumerate(key))


def _told(detail: ErrorDetails, prefix: KeyPath, origins: Origins, known: Collection[str]) -> Iterator[Problem]:
    path = (*prefix, *(str(part) for part in detail["loc"] if part != "[key]"))
    if detail["type"] not in _UNKNOWN:
        origin = nearest(origins, path)
        yield Problem(".".join(path), _reason(detail, path, origin), origin)
        return
    for origin, place in _givers(path, origins).items():
        yield _unknown(place, origin, known)


def _givers(path: KeyPath, origins: Origins) -> Mapping[str, KeyPath]:
    """Who gave the key at ``path``: its line in the file, or each variable that names something below it."""
    own = nearest(origins, path)
    if not own.upper().startswith(PREFIX):
        return {own: path}
    below = [place for place in origins if place[: len(path)] == path]
    named = [place for place in below if variable(".".join(place)) == origins[place].upper()]
    return {origins[place]: place for place in named} or {own: path}


def _unknown(path: KeyPath, origin: str, known: Collection[str]) -> Problem:
    meant = suggest(path, known)
    if origin.upper().startswith(PREFIX):
        return Problem(".".join(path), "unknown variable", origin, variable(meant) if meant else None)
    return Problem(".".join(path), "unknown key", origin, meant)


def _reason(detail: ErrorDetails, path: KeyPath, origin: str) -> str:
    kind, value = detail["type"], detail["input"]
    hidden = looks_secret(path) or path == ("stores", "keys") or origin.startswith(SECRETS)
    if hidden and kind in {"value_error", "assertion_error"}:
        return "is not accepted"  # the words of a foreign check may repeat the secret
    reason = _REASONS.get(kind) or _plainly(detail)
    return reason if hidden or kind in _WITHOUT_VALUE else f"{reason} (got {_shown(value)})"


def _plainly(detail: ErrorDetails) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return f"must match {detail.get('ctx', {}).get('pattern')}"
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    for opening in ("Input should be ", "String should ", "Value should "):
        text = text.replace(opening, "must be " if opening.endswith("be ") else "must ", 1)
    return text


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple | set):
        return "a list"
    if value is None:
        return "nothing"
    text = without_credentials(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
