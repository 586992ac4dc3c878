"""Replacing parts of a text and leaving the rest as it stands."""

from collections.abc import Iterable

Edit = tuple[int, int, str]
"""Start, end, and what to show there."""


def edited(text: str, edits: Iterable[Edit]) -> str:
    """``text`` with all edits made; one within another is lost in it."""
    parts: list[str] = []
    done = 0
    for start, end, shown in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start >= done:
            parts += (text[done:start], shown)
            done = end
    return "".join((*parts, text[done:]))
