"""What goes on beside serving, as long as a worker lives."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any


def beside(opened: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Have ``work`` go on until ``opened`` is closed."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task})

    opened.push_async_callback(end)
