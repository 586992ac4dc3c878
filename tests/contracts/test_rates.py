"""Counting calls against rates: one meaning in this worker, in one Redis and in a cluster; and what when it is away."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pi_server.domain.faults import StoreUnavailable
from pi_server.stores.rate_counters import (
    MOST_KEYS,
    PATIENCE,
    LocalRates,
    Rate,
    RateCounters,
    RedisRates,
    WhenAway,
    Window,
    open_rate_counters,
    redis_uri,
)
from tests.parts.redis import RedisCluster, redis_on


@pytest.fixture(params=["memory", "redis", "cluster"])
async def counters(request: pytest.FixtureRequest, patient: None) -> AsyncIterator[RateCounters]:
    """Counters of each kind; the servers are empty."""
    match request.param:
        case "redis":
            keys = request.getfixturevalue("redis_url")
        case "cluster":
            keys = request.getfixturevalue("redis_cluster").nodes
        case _:
            keys = "memory"
    opened = open_rate_counters(keys, "refuse")
    assert isinstance(opened, LocalRates if keys == "memory" else RedisRates)
    yield opened
    await opened.close()


async def test_a_rate_is_kept_exactly_under_many_calls_at_once(counters: RateCounters) -> None:
    """Of 60 calls at once, 25 are granted, and the others are told a wait within the window's length twice over."""
    count = counters.counter("consumer", "25/hour")
    waits = await asyncio.gather(*(count("somebody") for _ in range(60)))
    assert waits.count(0) == 25
    assert all(0 <= wait <= 7200 for wait in waits)


async def test_keys_and_kinds_are_counted_apart(counters: RateCounters) -> None:
    """Neither another name, nor one that imitates the store's own spelling, nor another kind shares a count."""
    consumer, operation = counters.counter("consumer", "1/hour"), counters.counter("operation", "1/hour")
    for key in ("a", "a/b", "a}", "{a", "{a}", "a/1/1/hour", "a b", "a\0b", "é", "\udcff", "", "x" * 5000):
        assert await consumer(key) == 0, key
        assert await operation(key) == 0, key
        assert await consumer(key) > 0, key


async def test_a_window_passes(counters: RateCounters) -> None:
    """After twice its length nothing of a window counts any more."""
    count = counters.counter("address", "3/second")
    assert sorted([await count("a") for _ in range(4)])[:3] == [0, 0, 0]
    await asyncio.sleep(2.1)
    assert [await count("a") for _ in range(3)] == [0, 0, 0]


def test_a_window_slides() -> None:
    """Calls of the window before count as far as it lies within the last minute; the wait is exact."""
    now = 600.0
    window = Window(Rate(10, 60), lambda: now)
    assert [window.count("a") for _ in range(10)] == [0] * 10
    assert window.count("a") == 60
    now = 675.0  # a quarter into the next: 7 of the 10 still count
    assert [window.count("a") for _ in range(3)] == [0] * 3
    wait = window.count("a")
    now += wait - 0.01
    assert window.count("a") > 0
    now += 0.02
    assert window.count("a") == 0


def test_a_worker_keeps_only_so_many_keys() -> None:
    """A million addresses do not fill the memory: the oldest are forgotten."""
    window = Window(Rate(1, 3600), lambda: 0.0)
    for number in range(MOST_KEYS + 10):
        assert window.count(str(number)) == 0
    assert window.count(str(MOST_KEYS)) > 0
    assert window.count("0") == 0
    assert len(vars(window)["_here"]) == MOST_KEYS


async def test_workers_that_count_alone_share_a_rate() -> None:
    """Each grants its part, at least one call."""
    count = open_rate_counters("sqlite", workers=4).counter("consumer", "10/hour")
    assert [await count("a") == 0 for _ in range(3)] == [True, True, False]
    count = open_rate_counters("sqlite", workers=4).counter("consumer", "1/hour")
    assert await count("a") == 0


async def test_two_workers_share_one_count(redis_url: str, patient: None) -> None:
    """What one worker granted, the other does not grant again."""
    one, two = open_rate_counters(redis_url), open_rate_counters(redis_url)
    mine, other = (counters.counter("consumer", "2/hour") for counters in (one, two))
    assert [await mine("a"), await other("a")] == [0, 0]
    assert await mine("a") > 0
    assert await other("a") > 0
    await one.close()
    await two.close()


@pytest.mark.parametrize(
    ("keys", "uri"),
    [
        ("sqlite", ""),
        ("memory", ""),
        ("redis://cache", "async+redis://cache:6379"),
        ("redis://:s%40cret@cache/2", "async+redis://:s%40cret@cache:6379/2"),
        ("rediss://u:p@cache:7000/0", "async+rediss://u:p@cache:7000/0"),
        ("redis://[::1]", "async+redis://[::1]:6379"),
        ("cache:7000", "async+redis://cache:7000"),
        ("a:1, b:2,c:3", "async+redis+cluster://a:1,b:2,c:3"),
    ],
)
def test_the_configuration_is_spelled_for_the_library(keys: str, uri: str) -> None:
    """Each form of ``stores.keys`` names the same servers there; a port is always said."""
    assert redis_uri(keys) == uri


@pytest.mark.parametrize("text", ["", "100", "0/minute", "-1/minute", "x/minute", "5/fortnight"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """Rates are checked where they are read."""
    with pytest.raises(ValueError, match=r"rate|literal"):
        Rate.parse(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(("when_away", "granted"), [("local", 2), ("allow", 5), ("refuse", 0)])
async def test_without_redis_it_goes_on_as_declared(
    when_away: WhenAway, granted: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Count the share of this worker, let all in, or refuse all; one line for the outage."""
    counters = open_rate_counters(f"127.0.0.1:{_free_port()}", when_away, workers=2)
    count = counters.counter("consumer", "4/hour")
    outcomes: list[float] = []
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            try:
                outcomes.append(await count("a"))
            except StoreUnavailable:
                outcomes.append(1)
    await counters.close()
    assert outcomes.count(0) == granted
    assert len(caplog.records) == 1


async def test_a_hanging_redis_holds_up_one_call_and_not_each() -> None:
    """A server that accepts and never answers costs the first call half a second; the next ones nothing."""
    closing: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: closing.append(writer), "127.0.0.1", 0)
    counters = open_rate_counters(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    count = counters.counter("consumer", "1000/hour")
    begin = time.monotonic()
    assert await count("a") == 0
    first = time.monotonic() - begin
    for _ in range(100):
        assert await count("a") == 0
    assert first < 20 * PATIENCE  # nobody ever answers
    assert time.monotonic() - begin - first < 20 * PATIENCE  # if each waited, it would be 100 times
    await counters.close()
    for writer in closing:
        writer.close()
    server.close()


async def test_redis_is_asked_again_when_it_is_back(
    tmp_path: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage in the middle: one line when it begins, one when it is over, and the count is the shared one again."""
    port = _free_port()
    counters = open_rate_counters(f"redis://127.0.0.1:{port}", "allow")
    count = counters.counter("consumer", "2/hour")
    with caplog.at_level(logging.INFO, "pi_server.rates"):
        with redis_on(port, tmp_path / "one"):
            assert [await count("a"), await count("a")] == [0, 0]
            assert await count("a") > 0
        assert [await count("a") for _ in range(5)] == [0] * 5
        with redis_on(port, tmp_path / "two"):
            await asyncio.sleep(1.1)
            assert [await count("a"), await count("a")] == [0, 0]
            assert await count("a") > 0
    await counters.close()
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Redis does not count calls",
        "Redis counts calls again",
    ]


async def test_a_cluster_counts_where_the_key_lives(redis_cluster: RedisCluster, patient: None) -> None:
    """Keys of all slots can be counted: the two keys of a window stay on one node."""
    counters = open_rate_counters(redis_cluster.nodes.split(",")[0] + ",", "refuse")
    count = counters.counter("consumer", "1/hour")
    assert await asyncio.gather(*(count(str(number)) for number in range(100))) == [0] * 100
    assert all(await asyncio.gather(*(count(str(number)) for number in range(100))))
    await counters.close()
