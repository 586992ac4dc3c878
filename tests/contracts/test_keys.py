"""What a key store promises, asked of every one of them: memory, SQLite, Redis and Redis Cluster, all real."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import KeyStore
from pi_server.stores.open_keys import open_keys
from tests.parts.waiting import in_time

_BYTES = bytes(range(256))


@pytest.fixture(params=["memory", "sqlite", "redis", "redis_cluster"])
async def keys(request: pytest.FixtureRequest, tmp_path: Path, patient: None) -> AsyncIterator[KeyStore]:
    """Each kind of store, empty."""
    where: str = request.param
    if where == "redis":
        where = request.getfixturevalue("redis_url")
    elif where == "redis_cluster":
        where = request.getfixturevalue("redis_cluster").nodes
    store = await open_keys(where, tmp_path, 20.0)
    yield store
    await store.close()


async def test_a_value_comes_back_byte_for_byte(keys: KeyStore) -> None:
    """Any bytes are kept as they are, none at all too; what was never kept is None."""
    await keys.put("all", _BYTES)
    await keys.put("none", b"")
    assert await keys.get("all") == _BYTES
    assert await keys.get("none") == b""
    assert await keys.get("never") is None


async def test_many_come_in_the_order_asked(keys: KeyStore) -> None:
    """A hundred keys on all nodes, some missing and one twice, come back in their order; none is asked for none."""
    for number in range(0, 100, 2):
        await keys.put(f"key {number}", b"%d" % number)
    asked = [f"key {number}" for number in random.sample(range(100), 100)]
    wanted = [None if int(key[4:]) % 2 else key[4:].encode() for key in asked]
    assert await keys.get_many([*asked, asked[0]]) == [*wanted, wanted[0]]
    assert await keys.get_many([]) == []


async def test_put_replaces_value_and_time(keys: KeyStore) -> None:
    """A value put in the place of another lasts as long as was said with it."""
    await keys.put("k", b"short", lasting=0.2)
    await keys.put("k", b"for ever")
    await keys.put("l", b"for ever")
    await keys.put("l", b"short", lasting=0.2)
    await asyncio.sleep(0.4)
    assert await keys.get_many(["k", "l"]) == [b"for ever", None]


async def test_what_ended_is_gone_for_every_method(keys: KeyStore) -> None:
    """A value is there before its end, in fractions of a second, and nobody finds it afterwards."""

    async def kept() -> tuple[list[bytes | None], bool]:
        for key in ("get", "add", "delete", "increment", "add early"):
            await keys.put(key, b"7", lasting=0.6)
        return await keys.get_many(["get", "add"]), await keys.add("add early", b"8")

    assert await in_time(0.6, kept) == ([b"7", b"7"], False)
    await asyncio.sleep(0.8)
    assert await keys.get("get") is None
    assert await keys.add("add", b"8")
    assert not await keys.delete("delete")
    assert await keys.increment("increment") == 1


@pytest.mark.parametrize("lasting", [0, -1, 0.0001])
async def test_a_time_that_is_over_keeps_nothing(keys: KeyStore, lasting: float) -> None:
    """What lasts no time at all is gone at once, and no error."""
    await keys.put("k", b"v", lasting=lasting)
    await keys.add("l", b"v", lasting=lasting)
    await asyncio.sleep(0.02)
    assert await keys.get_many(["k", "l"]) == [None, None]


async def test_a_very_long_time_is_no_error(keys: KeyStore) -> None:
    """Times beyond all calendars are kept."""
    await keys.put("k", b"v", lasting=float("inf"))
    assert await keys.add("l", b"v", lasting=1e18)
    assert await keys.get_many(["k", "l"]) == [b"v", b"v"]


async def test_delete_tells_whether_there_was_one(keys: KeyStore) -> None:
    """Only the first to delete is told that it was there."""
    await keys.put("k", b"v")
    assert sorted(await asyncio.gather(*(keys.delete("k") for _ in range(20)))) == [False] * 19 + [True]
    assert await keys.get("k") is None


async def test_an_add_race_has_one_winner(keys: KeyStore) -> None:
    """Of fifty at once exactly one keeps its value, and it is the one that was told so."""
    won = await asyncio.gather(*(keys.add("k", b"%d" % number, lasting=60) for number in range(50)))
    assert won.count(True) == 1
    assert await keys.get("k") == b"%d" % won.index(True)


async def test_replace_keeps_a_value_only_in_the_place_of_the_old_one(keys: KeyStore) -> None:
    """Another value, none, and one that ended are left as they are; any bytes are compared whole."""
    await keys.put("k", _BYTES)
    assert not await keys.replace("k", b"new", old=_BYTES[:-1])
    assert not await keys.replace("k", b"new", old=b"")
    assert not await keys.replace("never", b"new", old=b"")
    assert await keys.get_many(["k", "never"]) == [_BYTES, None]
    assert await keys.replace("k", b"", old=_BYTES)
    assert await keys.replace("k", _BYTES, old=b"", lasting=0.3)
    await asyncio.sleep(0.5)
    assert not await keys.replace("k", b"new", old=_BYTES)
    assert await keys.get("k") is None


async def test_replace_gives_the_new_value_its_own_time(keys: KeyStore) -> None:
    """The new value lasts as long as was said with it, whatever was said with the old one."""
    await keys.put("shorter", b"old", lasting=60)
    assert await keys.replace("shorter", b"new", old=b"old", lasting=0.3)

    async def replaced() -> bool:
        await keys.put("longer", b"old", lasting=0.6)
        return await keys.replace("longer", b"new", old=b"old")

    assert await in_time(0.6, replaced)
    await asyncio.sleep(0.8)
    assert await keys.get_many(["longer", "shorter"]) == [b"new", None]


async def test_replace_by_none_forgets_only_what_was_seen(keys: KeyStore) -> None:
    """The key is free at once where the value was the old one, and untouched otherwise."""
    await keys.put("k", b"old")
    assert not await keys.replace("k", None, old=b"other")
    assert await keys.get("k") == b"old"
    assert await keys.replace("k", None, old=b"old")
    assert await keys.add("k", b"next")
    assert await keys.get("k") == b"next"


async def test_a_replace_race_has_one_winner(keys: KeyStore) -> None:
    """Of fifty that saw the same value exactly one replaces it, and its value is the one that is kept."""
    await keys.put("k", b"seen")
    won = await asyncio.gather(*(keys.replace("k", b"%d" % number, old=b"seen", lasting=60) for number in range(50)))
    assert won.count(True) == 1
    assert await keys.get("k") == b"%d" % won.index(True)


async def test_parallel_increments_are_distinct(keys: KeyStore) -> None:
    """A hundred at once get a hundred numbers, from 1 to 100."""
    assert sorted(await asyncio.gather(*(keys.increment("n", lasting=60) for _ in range(100)))) == list(range(1, 101))


async def test_counters_go_down_and_far(keys: KeyStore) -> None:
    """Steps are negative or beyond 53 bits, exactly; a counter is read as its digits."""
    assert await keys.increment("n", -3) == -3
    assert await keys.increment("n", 5) == 2
    assert await keys.increment("n", -2) == 0
    assert await keys.increment("n", 2**53 + 1) == 2**53 + 1
    assert await keys.get("n") == b"%d" % (2**53 + 1)


async def test_what_cannot_be_counted_is_refused(keys: KeyStore) -> None:
    """Another value, or a sum beyond 64 bits, is a plain refusal and changes nothing."""
    await keys.put("text", b"ten")
    await keys.increment("most", 2**63 - 1)
    for key in ("text", "most"):
        with pytest.raises(StoreUnavailable):
            await keys.increment(key)
    assert await keys.get_many(["text", "most"]) == [b"ten", b"%d" % (2**63 - 1)]


async def test_a_counter_ends_as_it_began(keys: KeyStore) -> None:
    """Later increments neither renew a counter's time nor give one to a counter that has none."""
    await keys.increment("for ever")
    await keys.increment("for ever", lasting=0.1)

    async def counted() -> int:
        await keys.delete("timed")
        await keys.increment("timed", lasting=0.6)
        await keys.increment("timed", lasting=60)
        return await keys.increment("timed")

    assert await in_time(0.6, counted) == 3
    await asyncio.sleep(0.8)
    assert await keys.increment("timed") == 1
    assert await keys.increment("for ever") == 3


async def test_keys_may_be_any_text(keys: KeyStore) -> None:
    """Long ones, unlike only at their end, and strange ones do not meet."""
    long = "x" * 600
    digest = "sha256:" + "0" * 64
    names = ["", " ", "\0", "{a}", "{a}b", "ключ", "\ud800", "a\nb", "schema", "x" * 512, long, long + "y", digest]
    for number, name in enumerate(names):
        await keys.put(name, b"%d" % number)
    assert await keys.get_many(names) == [b"%d" % number for number in range(len(names))]


async def test_two_hundred_at_once(keys: KeyStore) -> None:
    """More operations than there are connections wait for their turn; each gets its own answer."""

    async def one(number: int) -> bytes | None:
        await keys.put(f"k{number}", b"%d" % number, lasting=60)
        return await keys.get(f"k{number}")

    assert await asyncio.gather(*map(one, range(200))) == [b"%d" % number for number in range(200)]


async def test_cancelled_operations_mix_up_no_answers(keys: KeyStore) -> None:
    """Consumers that leave in the middle do not leave their answer to the next one, nor take a connection along."""
    for number in range(100):
        await keys.put(f"k{number}", b"%d" % number)

    async def one(number: int) -> bool:
        return await keys.get(f"k{number}") == b"%d" % number

    for turns in range(1, 40):
        asked = [asyncio.ensure_future(one(number)) for number in range(100)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in asked[::2]:
            task.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(answer is True or isinstance(answer, asyncio.CancelledError) for answer in answers)
        assert answers[1::2] == [True] * 50


async def test_it_is_there_until_closed(keys: KeyStore) -> None:
    """A ping is answered; closing twice is no error."""
    await keys.ping()
    await keys.close()
    await keys.close()
