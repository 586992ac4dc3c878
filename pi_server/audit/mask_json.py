"""Masking in JSON: by name, by path, and in the strings and numbers themselves.

The text is walked as it was sent, so that numbers, doubled names, spaces and escapes that are not secret stay.
"""

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from json import JSONDecoder, loads

from pi_server.audit.mask_edits import Edit, edited
from pi_server.audit.mask_rules import Hit
from pi_server.audit.mask_text import MASK
from pi_server.audit.one_line import quoted
from pi_server.domain.selectors import JsonPath

_JSON = JSONDecoder(parse_int=str, parse_float=str, strict=False)  # numbers stay text: only their place matters
_STRING = r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"(\s*+:\s*+)?'
_TOKEN = re.compile(_STRING + r'|[{}\[\],]|[^\s{}\[\],":]++', re.DOTALL)
_SHORT = 12  # no shorter value has a form that is known
_TOKEN_THAT_MATTERS = re.compile(_STRING + rf'|[{{}}\[\]]|[^\s{{}}\[\],":]{{{_SHORT + 1},}}+', re.DOTALL)
_SHOWN = f'"{MASK}"'

# members that tell a name, and those that hold its value: an object with "password" as its name hides its value
_NAMING = "name key field fieldname param parameter header property attribute id type label"
_HOLDING = "value values val text content data"
NAMING = frozenset(_NAMING.split())
HOLDING = frozenset(_HOLDING.split())

_Active = tuple[tuple[str, JsonPath], ...]
"""The rules that may still select something below, each with the steps that are left."""


def unescaped(content: str) -> str:
    """What stands between the quotes of a JSON string."""
    return str(loads(f'"{content}"', strict=False)) if "\\" in content else content


@dataclass(slots=True)
class _Container:
    """An open object or array."""

    active: _Active
    is_array: bool
    index: int = 0
    below: _Active = ()  # of the member whose value comes next
    names_secret: bool = False
    held: list[int] = field(default_factory=list[int])  # where the values start that such a name would make secret


class JsonMask:
    """Masks a text that is JSON."""

    def __init__(
        self,
        names: Container[str],
        paths: Mapping[str, JsonPath],
        inner: Callable[[str], str],
        number: Callable[[str], str],
        hit: Hit,
        *,
        exact: bool,
    ) -> None:
        """Mask values under ``names`` and at ``paths``; ``inner`` masks the text of a string, ``number`` of a number.

        Where ``exact`` is not set nor any path given, values of a dozen letters and digits are not looked at.
        """
        self.names = names
        self.paths: _Active = tuple(paths.items())
        self.inner = inner
        self.number = number
        self.hit = hit
        self.exact = exact or bool(paths)
        self.token = _TOKEN if self.exact else _TOKEN_THAT_MATTERS

    def masked(self, text: str) -> str | None:
        """``text`` masked, or None when it is not JSON."""
        try:
            _JSON.decode(text)
            return _Walk(self, text).masked()
        except (ValueError, RecursionError):
            return None


class _Walk:
    """One pass over one text."""

    def __init__(self, mask: JsonMask, text: str) -> None:
        self._mask = mask
        self._text = text
        self._edits: list[Edit] = []
        self._open = [_Container(mask.paths, False, below=mask.paths)]

    def masked(self) -> str:
        at, token = 0, self._mask.token
        while match := token.search(self._text, at):
            at = self._step(match)
        return edited(self._text, self._edits)

    def _step(self, match: re.Match[str]) -> int:
        """Where to go on after a token."""
        if match.lastindex == 2:
            return self._name(unescaped(match[1]), match)
        sign = match[0]
        if sign == ",":
            self._open[-1].index += 1
        elif sign in ("}", "]"):
            self._close(self._open.pop())
        else:
            return self._value(match)
        return match.end()

    def _name(self, name: str, match: re.Match[str]) -> int:
        mask, around = self._mask, self._open[-1]
        if name in mask.names:
            return self._hide(match.end())
        if around.active:
            around.below = _onward(around.active, name)
        if (bare := name.replace("_", "").lower()) in NAMING:
            around.names_secret |= self._string_at(match.end()) in mask.names
        elif bare in HOLDING:
            around.held.append(match.end())
        return match.end()

    def _value(self, match: re.Match[str]) -> int:
        around = self._open[-1]
        active = around.below
        if around.active and around.is_array:
            active = _onward(around.active, around.index)
        if active and (rule := _selected(active)):
            self._mask.hit(rule)
            return self._hide(match.start())
        if match[0] in ("{", "["):
            self._open.append(_Container(active, match[0] == "["))
        elif match.lastindex:
            self._string(match)
        elif self._mask.number(match[0]) != match[0]:
            self._edits.append((*match.span(), _SHOWN))
        return match.end()

    def _string(self, match: re.Match[str]) -> None:
        content = match[1]
        if not self._mask.exact and len(content) <= _SHORT and content.isalnum():
            return
        text = unescaped(content)
        masked = self._mask.inner(text)
        if masked != text:
            self._edits.append((*match.span(), quoted(masked)))

    def _string_at(self, at: int) -> str:
        """The string that starts there; nothing if something else does."""
        match = _TOKEN.match(self._text, at)
        return unescaped(match[1]) if match and match[1] is not None else ""

    def _hide(self, start: int) -> int:
        """The end of the value that starts there and is shown no more."""
        end = _JSON.raw_decode(self._text, start)[1]
        self._edits.append((start, end, _SHOWN))
        return end

    def _close(self, ended: _Container) -> None:
        if ended.names_secret:
            for start in ended.held:
                self._hide(start)


@lru_cache(maxsize=1024)
def _onward(active: _Active, key: str | int) -> _Active:
    """What is left of the rules below the member or element ``key``."""
    left: list[tuple[str, JsonPath]] = []
    for rule, steps in active:
        if not steps:
            continue
        if steps[0].deep:
            left.append((rule, steps))
        if steps[0].key is None or steps[0].key == key:
            left.append((rule, steps[1:]))
    return tuple(left)


def _selected(active: _Active) -> str | None:
    """The rule that selects a value with these left, if any."""
    return next((rule for rule, steps in active if not steps), None)
