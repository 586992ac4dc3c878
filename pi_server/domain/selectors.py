"""The small languages in which rules select: JSON paths, XPaths, and expressions that cannot run away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MOST_WAYS: Final = 500
"""Ways in which an expression may be tried at one place of a text."""

_LONGEST: Final = 200
_JSON_STEP: Final = re.compile(
    r"(?P<deep>\.\.)(?P<deep_name>[^\s.\[\]'\"*]+)|\.(?P<name>[^\s.\[\]'\"*]+)|\['(?P<quoted>[^']+)'\]|\[(?P<index>\d{1,9})\]"
    r"|(?P<any>\[\*\]|\.\*)"
)
_XPATH_STEP: Final = re.compile(r"(?P<slashes>//?)(?P<at>@)?(?:[\w.-]+:)?(?P<name>[\w.-]+|\*)")
_REPEAT: Final = r"(?:\?|\{(?P<least>\d{1,2})(?:,(?P<most>\d{1,2}))?\})"
_PIECE: Final = re.compile(
    rf"(?:(?P<look>\(\?<?[=!])|(?P<open>\(\?:|\((?!\?))|(?P<bar>\|)"
    rf"|(?P<one>(?P<close>\))|\\(?:[bBdDsSwW]|[^\w\s])|\[\^?\]?(?:\\.|[^\]\\])*\]|[^\\\[\](){{}}*+?|^$])"
    rf"(?P<times>{_REPEAT}(?P<kept>\+)?)?)"
)


@dataclass(frozen=True, slots=True)
class JsonStep:
    """A member's name, an element's index, or any of either (None); ``deep``: here or anywhere below."""

    key: str | int | None
    deep: bool = False


@dataclass(frozen=True, slots=True)
class XmlStep:
    """The local name of an element or attribute, or any (None); ``deep``: here or anywhere below."""

    name: str | None
    attribute: bool = False
    deep: bool = False


JsonPath = tuple[JsonStep, ...]
XmlPath = tuple[XmlStep, ...]
Path = JsonPath | XmlPath


def selector(text: str) -> Path:
    """A JSON path when ``text`` begins with ``$``, or else an XPath; ValueError when it is neither."""
    return json_path(text) if text.startswith("$") else xml_path(text)


def json_path(text: str) -> JsonPath:
    """What ``$``, ``.name``, ``['name']``, ``[0]``, ``[*]`` and ``..name`` select.

    Raises:
        ValueError: it holds anything else, or no name.
    """
    steps: list[JsonStep] = []
    at = 1
    while text.startswith("$") and (match := _JSON_STEP.match(text, at)):
        at = match.end()
        name = match["deep_name"] or match["name"] or match["quoted"]
        steps.append(JsonStep(name or (None if match["any"] else int(match["index"])), bool(match["deep"])))
    if at < len(text) or not any(isinstance(step.key, str) for step in steps):
        raise ValueError("must be a JSON path of $, .name, ['name'], [0], [*] and ..name that names a member")
    return tuple(steps)


def xml_path(text: str) -> XmlPath:
    """What ``/name``, ``//name``, ``*`` and, at the end, ``@name`` select; a prefix is not compared.

    Raises:
        ValueError: it holds anything else, or no name.
    """
    steps: list[XmlStep] = []
    at = 0
    while (match := _XPATH_STEP.match(text, at)) and not (steps and steps[-1].attribute):
        at = match.end()
        name = None if match["name"] == "*" else match["name"]
        steps.append(XmlStep(name, bool(match["at"]), match["slashes"] == "//"))
    if at < len(text) or not any(step.name for step in steps):
        raise ValueError("must be an XPath of /name, //name, * and a last @name, and name something")
    return tuple(steps)


def expression(text: str) -> re.Pattern[str]:
    r"""A regular expression whose time is bounded: it can be tried in at most `MOST_WAYS` ways at each place.

    So every repeat has an upper bound (``\d{10,16}``), and one whose count varies may keep what it took
    (``\w{1,64}+``), which is one way only.  ``^`` and ``$`` mean nothing in a text of many parts: ``\b``, ``(?<!\d)``
    and ``(?!\d)`` tell where a value ends.

    Raises:
        ValueError: it is no such expression.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"must have at most {_LONGEST} characters")
    if _ways(text) > MOST_WAYS:
        raise ValueError(f"can match in more than {MOST_WAYS} ways: narrow its repeats, or write {{1,64}}+")
    try:
        found = re.compile(text)
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error.msg}") from None
    if found.search("") or found.groupindex:
        raise ValueError("must not match the empty text")
    return found


def _ways(text: str) -> int:
    """In how many ways ``text`` can be tried at one place, `MOST_WAYS` + 1 for all that is more."""
    branches = [[1]]  # of the expression and each open group: the ways of each alternative
    at = 0
    while match := _PIECE.match(text, at):
        at = match.end()
        if match["look"] or match["open"]:
            branches.append([1])
        elif match["bar"]:
            branches[-1].append(1)
        else:
            inner = sum(branches.pop()) if match["close"] and len(branches) > 1 else 1
            branches[-1][-1] = min(branches[-1][-1] * _times(match, inner), MOST_WAYS + 1)
    if at < len(text):
        raise ValueError(f"has a repeat without an upper bound below 100, or no known form, at {text[at:][:10]}")
    return sum(branches[0])


def _times(match: re.Match[str], inner: int) -> int:
    """The ways of a piece that has ``inner`` of them when it stands once."""
    if not match["times"]:
        return inner
    least, most = (0, 1) if match["times"].startswith("?") else _bounds(match)
    if match["kept"] and inner == 1:
        return 1
    ways: int = sum(inner**count for count in range(least, most + 1))
    return min(ways, MOST_WAYS + 1)


def _bounds(match: re.Match[str]) -> tuple[int, int]:
    least = int(match["least"])
    return least, int(match["most"] or least)
