"""How many attempts are granted: by one worker or many, one after the other or at once, with the store or without."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pi_server.domain.attempts import DAY, MONTH, Allowance
from pi_server.domain.faults import StoreUnavailable
from pi_server.stores.attempts import CountedAttempts
from pi_server.stores.memory_keys import MemoryKeys
from pi_server.stores.open_keys import open_keys

WORKERS = 8


@pytest.fixture(params=["memory", "sqlite", "redis", "redis_cluster"])
async def workers(
    request: pytest.FixtureRequest, tmp_path: Path, patient: None
) -> AsyncIterator[list[CountedAttempts]]:
    """The attempts of several workers at one empty store of each kind."""
    where: str = request.param
    if where == "redis":
        where = request.getfixturevalue("redis_url")
    elif where == "redis_cluster":
        where = request.getfixturevalue("redis_cluster").nodes
    stores = [await open_keys(where, tmp_path, 20.0) for _ in range(1 if where == "memory" else WORKERS)]
    yield [CountedAttempts(stores[n % len(stores)], "test", Allowance(5), workers=WORKERS) for n in range(WORKERS)]
    for store in stores:
        await store.close()


async def _guess(attempts: CountedAttempts, key: str = "ann") -> bool:
    """A wrong guess; whether it was looked at."""
    granted = await attempts.begin(key)
    if granted:
        await asyncio.sleep(0.01)
        await attempts.failed(key)
    return granted


async def test_of_many_guesses_at_once_only_so_many_are_looked_at(workers: list[CountedAttempts]) -> None:
    """A hundred guesses on each of eight workers: five are granted; then even a single one is not.

    A store that so many ask at once may not answer all in time; then each worker grants its share, which is one.
    """
    granted = await asyncio.gather(*(_guess(worker) for _ in range(100) for worker in workers))
    assert 5 <= sum(granted) <= 5 + WORKERS
    assert not await workers[0].begin("ann")
    assert await workers[0].begin("bob")


async def test_whoever_proves_to_be_the_one_begins_anew(workers: list[CountedAttempts]) -> None:
    """Failures are forgotten, and a pause ends, for all workers."""
    first, second = workers[:2]
    for _ in range(2):
        assert [await _guess(first) for _ in range(6)] == [True] * 5 + [False]
        await second.forget("ann")
    assert await first.begin("ann")


async def test_what_was_no_failure_is_taken_back(workers: list[CountedAttempts]) -> None:
    """Without forgetting those that were: with one good attempt after another, four failures are still four."""
    first = workers[0]
    assert [await _guess(first) for _ in range(4)] == [True] * 4
    for worker in workers:
        assert await worker.begin("ann")
        await worker.withdraw("ann")
    await first.withdraw("nobody")
    assert [await _guess(first) for _ in range(2)] == [True, False]


async def test_keys_are_kept_as_digests() -> None:
    """They may be names of people."""
    keys = _Watched()
    attempts = CountedAttempts(keys, "test", Allowance(1))
    for key in ("ann@example.com", "\udcff", "x" * 5000):
        await _guess(attempts, key)
        await attempts.forget(key)
    assert not [name for name in keys.seen if "ann" in name or len(name) > 100]


class _Watched(MemoryKeys):
    """Remembers which keys were asked for, and how long counters and values were to last."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, float | None] = {}

    async def put(self, key: str, value: bytes, *, lasting: float | None = None) -> None:
        """Keep it, and how long."""
        self.seen[key] = lasting
        await super().put(key, value, lasting=lasting)

    async def increment(self, key: str, by: int = 1, *, lasting: float | None = None) -> int:
        """Count it."""
        self.seen.setdefault(key, lasting)
        return await super().increment(key, by, lasting=lasting)


async def test_each_pause_is_twice_as_long_and_the_last_one_is_a_month() -> None:
    """Fifteen minutes, half an hour, and so on up to a day; the hundredth failure stops it."""
    keys = _Watched()
    attempts, lasted = CountedAttempts(keys, "test", Allowance(5)), list[float | None]()
    for _ in range(20):
        assert [await _guess(attempts) for _ in range(6)] == [True] * 5 + [False]
        (pause,) = (name for name in keys.seen if name.endswith(":pause"))
        lasted.append(keys.seen[pause])
        await keys.delete(pause)  # as if the pause, and with it the window, were over
        await keys.delete(pause.removesuffix("pause") + "count")
    assert lasted == [900 * 2**n for n in range(7)] + [DAY] * 12 + [MONTH]
    assert Allowance(20, longest=900, stop=None).pause(99) == 900


class _Away(MemoryKeys):
    """A key store that does not answer while it is away."""

    away = True

    async def get(self, key: str) -> bytes | None:
        """Answer, or not."""
        if self.away:
            raise StoreUnavailable("the test took it away")
        return await super().get(key)

    async def delete(self, key: str) -> bool:
        """Answer, or not."""
        await self.get(key)
        return await super().delete(key)


async def test_without_the_store_each_worker_grants_its_share(caplog: pytest.LogCaptureFixture) -> None:
    """Never more: two of eight, and at least one; the log says so once, and once when it is over."""
    caplog.set_level(logging.WARNING)
    store = _Away()
    attempts = CountedAttempts(store, "test", Allowance(5))
    for share, workers in ((5, 1), (2, 2), (1, 8)):
        attempts = CountedAttempts(store, "test", Allowance(5), workers=workers)
        assert sum([await _guess(attempts) for _ in range(10)]) == share
        await attempts.withdraw("ann")
        await attempts.forget("ann")
    assert len(caplog.records) == 3
    store.away = False
    assert await attempts.begin("ann")
    assert [record.levelname for record in caplog.records[3:]] == ["WARNING"]
