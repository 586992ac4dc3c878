"""Waiting for what must come to be, in place of a sleep after which it must have."""

import asyncio
from collections.abc import Callable

PATIENCE = 30.0
"""Seconds: far more than a busy machine needs, and less than anybody waits for a test that fails."""


async def until(ready: Callable[[], bool]) -> None:
    """Wait until ``ready`` says so; TimeoutError when it does not within `PATIENCE`."""
    async with asyncio.timeout(PATIENCE):
        while not ready():
            await asyncio.sleep(0.01)
