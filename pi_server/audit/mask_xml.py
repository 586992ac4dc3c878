"""Masking what XPaths select in XML that is plain and well formed, without changing anything else of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pi_server.audit.mask_edits import Edit, edited
from pi_server.audit.mask_rules import Hit
from pi_server.audit.mask_text import ESCAPED_LESS, MASK
from pi_server.domain.selectors import XmlPath

# comments, CDATA and document types may hold text that only looks like an element, escaped text one that is none yet
_NOT_PLAIN = re.compile(rf"<!|{ESCAPED_LESS}")
_TAG = re.compile(r"""<\?[^<>]*+>|<(/?)([\w.:-]++)((?:[^<>"']|"[^"<]*+"|'[^'<]*+')*+)>|<""")
_ATTRIBUTE = re.compile(r"""([\w.:-]++)\s*+=\s*+["']((?<=")[^"]*+|(?<=')[^']*+)""")

_Active = tuple[tuple[str, XmlPath], ...]


@dataclass(slots=True)
class _Element:
    """An open element; ``hidden_from`` is where its content starts if that is secret."""

    name: str
    active: _Active
    hidden_from: int = -1


class XmlMask:
    """Masks what paths select."""

    def __init__(self, paths: Mapping[str, XmlPath], hit: Hit) -> None:
        self._paths: _Active = tuple(paths.items())
        self._hit = hit

    def masked(self, text: str) -> str | None:
        """``text`` masked, or None when it is not plain, well-formed XML and the paths cannot be followed."""
        if _NOT_PLAIN.search(text):
            return None
        edits: list[Edit] = []
        open_elements = [_Element("", self._paths)]
        for tag in _TAG.finditer(text):
            if tag[0] == "<" or (tag[1] and not self._close(tag, open_elements, edits)):
                return None
            if tag[2] and not tag[1]:
                self._start(tag, open_elements, edits)
        return edited(text, edits) if len(open_elements) == 1 else None

    def _start(self, tag: re.Match[str], open_elements: list[_Element], edits: list[Edit]) -> None:
        active = _onward(open_elements[-1].active, tag[2].rpartition(":")[2])
        closed = tag[3].endswith("/")
        rule = next((rule for rule, steps in active if not steps), None)
        if rule:
            self._hit(rule)
            edits.append((tag.start(3), tag.end(3) - closed, ""))
        else:
            self._attributes(tag, active, edits)
        if not closed:
            open_elements.append(_Element(tag[2], active, tag.end() if rule else -1))

    def _attributes(self, tag: re.Match[str], active: _Active, edits: list[Edit]) -> None:
        wanted = [(rule, steps[0].name) for rule, steps in active if steps and steps[0].attribute]
        if not wanted:
            return
        for attribute in _ATTRIBUTE.finditer(tag[0]):
            local = attribute[1].rpartition(":")[2]
            rule = next((rule for rule, name in wanted if name in (None, local)), None)
            if rule:
                self._hit(rule)
                start, end = attribute.span(2)
                edits.append((tag.start() + start, tag.start() + end, MASK))

    def _close(self, tag: re.Match[str], open_elements: list[_Element], edits: list[Edit]) -> bool:
        """Whether the tag closes what is open."""
        if open_elements[-1].name != tag[2]:
            return False
        start = open_elements.pop().hidden_from
        if 0 <= start < tag.start():
            edits.append((start, tag.start(), MASK))
        return True


def _onward(active: _Active, name: str) -> _Active:
    """What is left of the paths at a child element ``name``."""
    left: list[tuple[str, XmlPath]] = []
    for rule, steps in active:
        if not steps:
            continue
        if steps[0].deep:
            left.append((rule, steps))
        if not steps[0].attribute and steps[0].name in (None, name):
            left.append((rule, steps[1:]))
    return tuple(left)
