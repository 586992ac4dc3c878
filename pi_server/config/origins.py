"""``config explain``: every value in effect and where it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pi_server.config.given import DEFAULT, KeyPath, Plain
from pi_server.config.load import LoadedConfig
from pi_server.config.masks import MASK, masked, text_of
from pi_server.config.problems import SECRETS


@dataclass(frozen=True, slots=True)
class Explained:
    """A key in effect: its dotted path, its value as text (secrets masked) and its origin."""

    path: str
    value_text: str
    origin: str


def explain(loaded: LoadedConfig) -> list[Explained]:
    """Every key in effect, defaults included, in the order of the reference page."""
    tree: Plain = loaded.config.model_dump(mode="json")
    names = loaded.config.logs.mask.names
    return [_explained(loaded, path, value, names) for path, value in _leaves((), tree)]


def _explained(loaded: LoadedConfig, path: KeyPath, value: Plain, names: tuple[str, ...]) -> Explained:
    origin = loaded.origins.get(path, DEFAULT)
    text = MASK if origin.startswith(SECRETS) else text_of(masked(path, value, names))
    return Explained(".".join(path), text, origin)


def _leaves(path: KeyPath, value: Plain) -> Iterator[tuple[KeyPath, Plain]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves((*path, key), below)
    else:
        yield path, value
