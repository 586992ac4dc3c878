"""What consumers leave untaken of their answers, in all: where that is too much, who takes nothing loses his."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

_LOOK_EVERY: Final = 1.0
"""Seconds, while there is too much, in which whoever reads takes something.

They begin and end with a look, so that nobody is blamed for a loop that stood still: between two looks it turned.
"""


class Waiting(Protocol):
    """A connection with an answer that was not taken as a whole."""

    @property
    def taken(self) -> int:
        """Bytes of all answers so far that its consumer has acknowledged."""
        ...

    @property
    def untaken(self) -> int:
        """Bytes that wait in this process."""
        ...

    def give_up(self) -> None:
        """End it, and forget what has not left."""
        ...


class Untaken:
    """The connections whose consumers take an answer more slowly than it is made."""

    def __init__(self, most: int) -> None:
        """Bear ``most`` bytes, or one answer of any size; needs a running loop."""
        self._loop = asyncio.get_running_loop()
        self._most = most
        self._waiting: dict[Waiting, int] = {}  # those who wait longest first; what was taken at the last look
        self._looks = False

    def add(self, connection: Waiting) -> None:
        """A consumer is slow; where all of them together are too slow, those end who take nothing."""
        self._waiting[connection] = -1
        if not self._looks and self._excess() > 0:
            self._looks = True
            self._loop.call_later(_LOOK_EVERY, self._look)

    def discard(self, connection: Waiting) -> None:
        """A consumer has caught up, or is gone."""
        self._waiting.pop(connection, None)

    def _look(self) -> None:
        excess = self._excess()
        for one, taken in tuple(self._waiting.items()):
            if one.taken != taken:
                self._waiting[one] = one.taken
            elif excess > 0 and len(self._waiting) > 1:
                excess -= one.untaken
                self.discard(one)
                one.give_up()
        self._looks = excess > 0
        if self._looks:
            self._loop.call_later(_LOOK_EVERY, self._look)

    def _excess(self) -> int:
        return sum(one.untaken for one in self._waiting) - self._most
