"""A worker is ready while its stores answer."""

import asyncio
from pathlib import Path
from typing import cast

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.readiness import Readiness
from pi_server.domain.stores import KeyStore
from pi_server.server.store_watch import watch_stores
from pi_server.server.stores import Stores
from pi_server.stores.open_documents import open_documents


class Flaky:
    """A store that is there, or is not."""

    def __init__(self) -> None:
        self.away = True

    async def ping(self) -> None:
        """As a store does."""
        if self.away:
            raise StoreUnavailable("CANARY0 at 10.0.0.7")


async def test_readiness_follows_the_store(tmp_path: Path) -> None:
    """Away: not ready, by the key of the configuration; back: ready again."""
    keys, readiness = Flaky(), Readiness()
    documents = await open_documents("sqlite", tmp_path, 2.0)
    watching = asyncio.create_task(watch_stores(Stores(documents, cast("KeyStore", keys)), readiness, 0.01))
    try:
        async with asyncio.timeout(20):
            while not readiness.reasons:
                await asyncio.sleep(0.01)
            assert dict(readiness.reasons) == {"stores.keys": "the store does not answer"}
            keys.away = False
            while readiness.reasons:
                await asyncio.sleep(0.01)
    finally:
        watching.cancel()
        await documents.close()
