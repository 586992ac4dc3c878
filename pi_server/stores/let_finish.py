"""Questions to a driver that nobody interrupts.

pymongo waits for its locks in tasks of its own before Python 3.12.  Cancelled at the wrong moment it never gives one
back, and from then on it answers nobody and cannot be closed.  So whoever goes away, or waits too long, leaves the
question behind, and the driver brings it to an end by itself, within its own time limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_MOST: Final = 2000  # of those left behind: a driver that ends none of them must not fill the memory

_T = TypeVar("_T")


class LetFinish:
    """Questions, each in a task of its own, and those that were left behind."""

    def __init__(self, limit: float) -> None:
        """Wait ``limit`` seconds for an answer; the driver's own limit is a little shorter."""
        self._limit = limit
        self._left: set[asyncio.Task[Any]] = set()

    async def answer(self, question: Coroutine[Any, Any, _T]) -> _T:
        """What is answered, or raised; TimeoutError if nothing is in time, whatever the driver does."""
        if len(self._left) >= _MOST:
            question.close()
            raise TimeoutError
        asked = asyncio.create_task(question)
        try:
            await asyncio.wait((asked,), timeout=self._limit)
        finally:
            if not asked.done():
                self._leave(asked)
        if not asked.done() or asked.cancelled():
            raise TimeoutError
        return asked.result()

    async def last(self, closing: Coroutine[Any, Any, object]) -> None:
        """Wait for the driver's end and for what was left behind; cancel what is not in time.  Nothing is raised."""
        self._leave(asyncio.create_task(closing))
        _, late = await asyncio.wait(self._left, timeout=self._limit)
        for one in late:
            one.cancel()

    def _leave(self, asked: asyncio.Task[Any]) -> None:
        self._left.add(asked)
        asked.add_done_callback(self._ended)

    def _ended(self, asked: asyncio.Task[Any]) -> None:
        self._left.discard(asked)
        if not asked.cancelled():
            asked.exception()  # nobody waits for it any more
