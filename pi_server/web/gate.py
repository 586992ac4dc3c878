"""The gate of one service: calls come in while it is open, and it knows when none of them runs any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

    from pi_server.domain.faults import Fault
    from pi_server.web.endpoint import Handler


class Gate:
    """``closed`` is the fault that calls are refused with, None while it is open; ``running`` have come in."""

    __slots__ = ("_waiting", "closed", "running")

    def __init__(self) -> None:
        self.closed: type[Fault] | None = None
        self.running = 0
        self._waiting: asyncio.Event | None = None

    def link(self, inner: Handler) -> Handler:
        """Stand before ``inner``."""

        async def gated(request: web.Request) -> web.StreamResponse:
            if self.closed is not None:
                raise self.closed
            self.running += 1
            try:
                return await inner(request)
            finally:
                self.running -= 1
                if not self.running and self._waiting:
                    self._waiting.set()

        return gated

    async def emptied(self, limit: float) -> bool:
        """Whether all that came in have left within ``limit`` seconds."""
        if not self.running:
            return True
        self._waiting = asyncio.Event()
        try:
            async with asyncio.timeout(limit):
                await self._waiting.wait()
        except TimeoutError:
            return False
        return True
