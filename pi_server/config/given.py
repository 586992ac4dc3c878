"""What was given, as a tree in which every value remembers where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, TypeAlias, cast

KeyPath: TypeAlias = tuple[str, ...]
Origins: TypeAlias = Mapping[KeyPath, str]
Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "dict[str, Plain] | list[Plain] | Scalar"

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Given:
    """A value and its origin: ``config.yaml:12``, ``secrets/a/b``, a variable's name or ``command line``."""

    value: dict[str, Given] | list[Given] | Scalar = field(repr=False)  # it may be a secret
    origin: str

    def plain(self) -> Plain:
        """The bare value, as pydantic wants it."""
        if isinstance(self.value, dict):
            return {key: below.plain() for key, below in self.value.items()}
        if isinstance(self.value, list):
            return [below.plain() for below in self.value]
        return self.value

    def dump(self) -> dict[str, Any]:
        """The tree with its origins, as JSON can hold it: for another process, which `restored` it."""
        value: Any = self.value
        if isinstance(self.value, dict):
            value = {key: below.dump() for key, below in self.value.items()}
        elif isinstance(self.value, list):
            value = [below.dump() for below in self.value]
        return {"value": value, "origin": self.origin}

    def without(self, path: KeyPath) -> Given:
        """The tree without what stands at ``path``, or else without the closest that stands around it."""
        if not isinstance(self.value, dict) or path[0] not in self.value:
            return self
        left = dict(self.value)
        below = left.pop(path[0])
        if isinstance(below.value, dict) and path[1:2] and path[1] in below.value:
            left[path[0]] = below.without(path[1:])
        return Given(left, self.origin)

    def walk(self, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
        """Every path below this value, itself first, with its origin."""
        yield path, self.origin
        for key, below in self._below():
            yield from below.walk((*path, key))

    def _below(self) -> Iterator[tuple[str, Given]]:
        if isinstance(self.value, dict):
            yield from self.value.items()
        elif isinstance(self.value, list):
            yield from ((str(index), below) for index, below in enumerate(self.value))


def restored(dumped: Mapping[str, Any]) -> Given:
    """The tree that was dumped."""
    value: Any = dumped["value"]
    if isinstance(value, dict):
        value = {key: restored(below) for key, below in cast("dict[str, Any]", value).items()}
    elif isinstance(value, list):
        value = [restored(below) for below in cast("Sequence[Any]", value)]
    return Given(value, dumped["origin"])


def nested(path: KeyPath, given: Given) -> Given:
    """``given`` as the tree that has it at ``path`` and nothing else."""
    return reduce(lambda below, key: Given({key: below}, given.origin), reversed(path), given)


def overlay(below: Given, above: Given) -> Given:
    """Both trees as one: mappings are joined, of anything else the one above counts."""
    if not isinstance(below.value, dict) or not isinstance(above.value, dict):
        return above
    joined = dict(below.value)
    for key, given in above.value.items():
        joined[key] = overlay(joined[key], given) if key in joined else given
    return Given(joined, below.origin)


def nearest(origins: Origins, path: KeyPath) -> str:
    """The origin of ``path``, or of the closest section around it; ``default`` if nothing was given."""
    around = (path[:length] for length in range(len(path), -1, -1))
    return next((origins[place] for place in around if place in origins), DEFAULT)
