"""YAML that says on which line everything stands and refuses what would be misread in silence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NoReturn

import yaml

from pi_server.config.given import Given, KeyPath
from pi_server.config.problems import Problem

_CORE: Final = "tag:yaml.org,2002:"
_SCALARS: Final = frozenset(_CORE + name for name in ("null", "bool", "int", "float", "str"))
_MOST: Final = 100_000
_NAMED: Final = re.compile(r"(undefined|duplicate) ([a-zA-Z ]+) ['\"].*")


class NotYamlError(Exception):
    """The text is no YAML at all; ``line`` counts from 1."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


_RESOLVERS: Final = (
    ("null", r"~|null|Null|NULL", "~nN"),
    ("null", r"", ("",)),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789"),
)


def _by_first_character() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, openings in _RESOLVERS:
        for first in openings:
            table.setdefault(first, []).append((_CORE + name, re.compile(f"(?:{pattern})\\Z")))
    return table


class _Loader(yaml.SafeLoader):
    """Scalars as in YAML 1.2: ``off``, ``no``, ``12:30``, ``0042`` and ``2026-01-31`` are text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers = _by_first_character()


def read_yaml(text: str, origin: Callable[[int], str]) -> tuple[Given, list[Problem]]:
    """The tree written in ``text``; ``origin`` names the place of a line.

    Keys given twice and values no configuration can hold are returned as problems beside the rest.
    Raises NotYamlError if the text cannot be read as one YAML document.
    """
    reader = _Reader(origin)
    try:
        node = _Loader(text).get_single_node()
        given = Given(None, origin(1)) if node is None else reader.read(node, ())
    except yaml.MarkedYAMLError as error:
        _refuse(error)
    except yaml.YAMLError:
        raise NotYamlError("holds a character that YAML does not allow", 1) from None
    except RecursionError:
        raise NotYamlError("is nested too deeply", 1) from None
    return given, reader.problems


def _refuse(error: yaml.MarkedYAMLError) -> NoReturn:
    """Names from the text are left out: they may be part of a secret that was not quoted."""
    mark = error.problem_mark or error.context_mark
    told = _NAMED.sub(r"\1 \2", ", ".join(filter(None, (error.context, error.problem))))
    raise NotYamlError(f"is not valid YAML: {told}", mark.line + 1 if mark else 1) from None


class _Reader:
    """Walks the nodes of one document."""

    def __init__(self, origin: Callable[[int], str]) -> None:
        self.problems: list[Problem] = []
        self._origin = origin
        self._left = _MOST
        self._scalars: Any = _Loader("")  # its stubs leave the types out

    def read(self, node: yaml.Node, path: KeyPath) -> Given:
        """The value of ``node``, which stands at ``path``."""
        self._left -= 1
        if self._left < 0:
            raise NotYamlError(f"holds more than {_MOST} values", node.start_mark.line + 1)
        place = self._place(node)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_CORE}map":
            return Given(self._mapping(node, path), place)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_CORE}seq":
            items = enumerate(node.value)
            return Given([self.read(below, (*path, str(index))) for index, below in items], place)
        return Given(self._value(node, path), place)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Given]:
        found: dict[str, Given] = {}
        for key, value in node.value:
            name = self._name(key, path)
            if name is None:
                continue
            below = self.read(value, (*path, name))
            if name in found:
                self._problem(key, (*path, name), f"given twice (first: {found[name].origin})")
            else:
                found[name] = Given(below.value, self._place(key))
        return found

    def _name(self, key: yaml.Node, path: KeyPath) -> str | None:
        """A key is its text, so that ``404: ...`` and ``no: ...`` are what they look like."""
        if not isinstance(key, yaml.ScalarNode):
            self._problem(key, path, "a key must be plain text")
            return None
        if key.value == "<<" and key.style is None:
            self._problem(key, path, "merge keys (<<) are not supported; repeat the keys")
            return None
        return str(key.value)

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        if not isinstance(node, yaml.ScalarNode) or node.tag not in _SCALARS:
            self._problem(node, path, "has a tag (!...); put text that starts with ! in quotes")
            return None
        try:
            return self._scalars.construct_object(node)
        except (ValueError, KeyError):
            self._problem(node, path, "does not fit its tag, or is too long a number")
            return None

    def _problem(self, node: yaml.Node, path: KeyPath, reason: str) -> None:
        self.problems.append(Problem(".".join(path), reason, self._place(node)))

    def _place(self, node: yaml.Node) -> str:
        return self._origin(node.start_mark.line + 1)
