"""Asking the stores, again and again, whether they are there: a worker whose store is away is not ready."""

import asyncio
import logging
from typing import Protocol

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.readiness import Readiness
from pi_server.server.stores import Stores

EVERY = 1.0
"""Seconds between two looks."""

_log = logging.getLogger("pi_server.stores")


class Asked(Protocol):
    """A store that can say whether it is there."""

    async def ping(self) -> None:
        """`StoreUnavailable`, or whatever else its driver raises, if not."""
        ...


async def watch_stores(stores: Stores, readiness: Readiness, every: float = EVERY) -> None:
    """Go on until cancelled; what is away is told by its key in the configuration, and nothing of what it said."""
    await asyncio.gather(
        _watch("stores.documents", stores.documents, readiness, every),
        _watch("stores.keys", stores.keys, readiness, every),
    )


async def _watch(name: str, store: Asked, readiness: Readiness, every: float) -> None:
    """A line at each turn, for the log of the operator alone.

    One that was there is away when it fails twice in a row: once may be the fault of a plugin that held up the loop.
    """
    task, was = asyncio.current_task(), "unknown"
    while task is None or not task.cancelling():  # a driver may make a failure of its own of a cancellation
        failure = await _failure(store)
        if failure and was == "there":
            failure = await _failure(store)
        if failure:
            readiness.not_ready(name, "the store does not answer")
        else:
            readiness.ready(name)
        if failure and was != "away":
            _log.warning("%s is away: %s", name, failure)
        elif was == "away" and not failure:
            _log.info("%s is back", name)
        was = "away" if failure else "there"
        await asyncio.sleep(every)


async def _failure(store: Asked) -> str:
    """Why it does not answer; empty if it does."""
    try:
        await store.ping()
    except StoreUnavailable as fault:
        return fault.reason or "it does not answer"
    except Exception as error:  # noqa: BLE001 - whatever a driver raises, looking must go on
        return f"{type(error).__name__}: {error}"
    return ""
