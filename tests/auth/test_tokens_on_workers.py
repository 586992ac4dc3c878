"""Service tokens on several workers at one SQLite file, each with a store of its own, in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from pi_server.auth.recorded_tokens import HOLD, RecordedTokens
from pi_server.auth.service_tokens import ServiceTokens
from pi_server.auth.token_records import TokenRecords
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Unauthenticated
from pi_server.stores.sqlite import open_sqlite


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[list[TokenRecords]]:
    """The records as three processes see them: the operator's first."""
    async with AsyncExitStack() as opened:
        stores = [await open_sqlite(tmp_path / "documents", 5.0) for _ in range(3)]
        for store in stores:
            opened.push_async_callback(store.close)
        yield [TokenRecords(store) for store in stores]


@pytest.fixture
async def workers(records: list[TokenRecords]) -> AsyncIterator[list[ServiceTokens]]:
    """The tokens as two workers know them."""
    recorded = [RecordedTokens(one) for one in records[1:]]
    yield [ServiceTokens({}, one.identify) for one in recorded]
    for one in recorded:
        await one.close()


async def _told(worker: ServiceTokens, token: str) -> Consumer:
    found = worker.identify(token)
    return found if isinstance(found, Consumer) else await found


async def test_a_rotation_under_load_refuses_nobody(records: list[TokenRecords], workers: list[ServiceTokens]) -> None:
    """Consumers of two workers go over to the new token a moment after each of three rotations: all are served."""
    operator = records[0]
    token, rotations, served = await operator.create("a"), 0, 0

    async def consume(worker: ServiceTokens) -> None:
        nonlocal served
        while rotations < 3:
            shown = token
            await asyncio.sleep(0.002)
            assert (await _told(worker, shown)).name == "a"
            served += 1

    load = [asyncio.create_task(consume(worker)) for worker in workers for _ in range(5)]
    while rotations < 3:
        token = (await operator.rotate("a", overlap=timedelta(seconds=1.5))).token
        await asyncio.sleep(1.6)
        rotations += 1
    await asyncio.gather(*load)
    assert served > 100


async def test_a_revocation_reaches_every_worker(records: list[TokenRecords], workers: list[ServiceTokens]) -> None:
    """A second after it no worker lets the token in, though each was using it all the time."""
    operator = records[0]
    token = await operator.create("a")
    for worker in workers:
        await _told(worker, token)
    await operator.revoke("a")
    await asyncio.sleep(HOLD)
    for worker in workers:
        with pytest.raises(Unauthenticated):
            await _told(worker, token)
