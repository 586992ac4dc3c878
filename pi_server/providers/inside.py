"""The body of a REST answer, as the rules of a status map look into it."""

from collections.abc import Iterator
from typing import Any, cast

import jiter

from pi_server.domain.message import WireResponse
from pi_server.domain.selectors import JsonStep, Path

SEARCHED = 4096
"""Characters of a body in which a rule's expression is searched."""

_WORDS = {None: "null", True: "true", False: "false"}


class JsonInside:
    """A body that is JSON, or is not and so has no places."""

    def __init__(self, response: WireResponse) -> None:
        """Parse the body."""
        self.text = response.body[: 4 * SEARCHED].decode("utf-8", "replace")[:SEARCHED]
        try:
            self._data: Any = jiter.from_json(response.body, float_mode="decimal")
        except ValueError:
            self._data = None

    def at(self, path: Path, /) -> Iterator[str]:
        """The values at a place, as text."""
        steps = [step for step in path if isinstance(step, JsonStep)]
        return map(_text, _selected(self._data, steps)) if len(steps) == len(path) else iter(())


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return ""
    return _WORDS[value] if isinstance(value, bool | None) else str(value)


def _selected(value: Any, steps: list[JsonStep]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    for key, below in _members(value):
        if step.key in (None, key):
            yield from _selected(below, rest)
        if step.deep:
            yield from _selected(below, steps)


def _members(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return list(cast("dict[str | int, Any]", value).items())
    return list(enumerate(cast("list[object]", value))) if isinstance(value, list) else []
