"""Waiting for what must come to be in place of a sleep, and bounds that a machine may miss for once."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE = 60.0
"""Seconds: far more than a busy machine needs, and less than anybody waits for a test that fails."""

_TRIES = 6
_LOOK = 0.02  # seconds between two looks

T = TypeVar("T")


async def until(ready: Callable[[], object], what: object = "it", within: float = PATIENCE) -> None:
    """Wait until what ``ready`` gives, or what comes of awaiting that, is true."""
    end = time.monotonic() + within
    while not (await found if inspect.isawaitable(found := ready()) else found):
        assert time.monotonic() < end, f"{what} did not come within {within:g} s"
        await asyncio.sleep(_LOOK)


def wait_until(ready: Callable[[], T], what: object = "it", within: float = PATIENCE) -> T:
    """What ``ready`` gives once that is true; without a loop."""
    end = time.monotonic() + within
    while not (found := ready()):
        assert time.monotonic() < end, f"{what} did not come within {within:g} s"
        time.sleep(_LOOK)
    return found


async def in_time(seconds: float, act: Callable[[], Awaitable[T]]) -> T:
    """What comes of ``act`` when that takes less than ``seconds``.

    A machine may stop for longer, but not each time; so it is done again, and fails when it never is in time.
    """
    took: list[float] = []
    for _ in range(_TRIES):
        begun = time.monotonic()
        done = await act()
        took.append(time.monotonic() - begun)
        if took[-1] < seconds:
            return done
    raise AssertionError(f"took {took} s, where {seconds:g} are allowed")
