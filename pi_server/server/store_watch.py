"""Asking the stores, again and again, whether they are there: a worker whose store is away is not ready."""

import asyncio
from collections.abc import Awaitable, Callable

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.readiness import Readiness
from pi_server.domain.stores import StoreTooNewError
from pi_server.server.stores import Stores

EVERY = 5.0
"""Seconds between two looks."""


async def watch_stores(stores: Stores, readiness: Readiness, every: float = EVERY) -> None:
    """Go on until cancelled; what is away is told by its key in the configuration, and nothing of what it said."""
    asked = {"stores.documents": stores.documents.ping, "stores.keys": stores.keys.ping}
    while True:
        for name, ping in asked.items():
            if await _answers(ping):
                readiness.ready(name)
            else:
                readiness.not_ready(name, "the store does not answer")
        await asyncio.sleep(every)


async def _answers(ping: Callable[[], Awaitable[None]]) -> bool:
    try:
        await ping()
    except (StoreUnavailable, StoreTooNewError):
        return False
    return True
