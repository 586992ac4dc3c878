"""Whose code a frame of the stack runs: a plugin's, the core's, or nobody's in particular."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pi_server

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pi_server.discovery.plugin import Plugin

CORE = ""
"""Stands for the core where an owner is named."""

_CORE_FOLDER = f"{Path(pi_server.__file__).parent}/"


class Owners:
    """Knows plugins by the files their code comes from; an answer is remembered for each file."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}
        self._known: dict[str, str | None] = {}

    def add(self, plugins: Iterable[Plugin]) -> None:
        """Know the code of these plugins: the folder of a package, or a module alone."""
        for plugin in plugins:
            if plugin.bound is not None:
                self._places[_place(type(plugin.bound.service))] = plugin.name
        self._known = {}

    def of(self, file: str) -> str | None:
        """The plugin a file belongs to, `CORE`, or None."""
        try:
            return self._known[file]
        except KeyError:
            owner = self._known[file] = self._look_up(file)
            return owner

    def nearest(self, frame: FrameType | None) -> str | None:
        """Whoever comes first from ``frame`` outwards: what a library does, it does for whoever called it."""
        while frame is not None:
            owner = self.of(frame.f_code.co_filename)
            if owner is not None:
                return owner
            frame = frame.f_back
        return None

    def _look_up(self, file: str) -> str | None:
        if file.startswith(_CORE_FOLDER):
            return CORE
        fitting = [place for place in self._places if file.startswith(place)]
        return self._places[max(fitting, key=len)] if fitting else None


def _place(cls: type) -> str:
    module = sys.modules.get(cls.__module__)
    file = Path(getattr(module, "__file__", None) or "-")
    return f"{file.parent}/" if getattr(module, "__package__", "") else str(file)


def outwards(frame: FrameType | None) -> Iterator[FrameType]:
    """The frame and all that wait for it, innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back
