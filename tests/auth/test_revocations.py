"""What one worker revokes is over on all of them within a second."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from pi_server.auth.revocations import KeyStoreRevocations
from pi_server.domain.faults import StoreUnavailable
from pi_server.stores.memory_keys import MemoryKeys
from pi_server.testing.fake_clock import FakeClock
from tests.parts.waiting import until

DAY = 86_400.0


class Away(MemoryKeys):
    """A key store that can be cut off, and counts what it was asked."""

    away = False
    asked = 0

    async def get(self, key: str) -> bytes | None:
        """One value, unless it is away."""
        self.asked += 1
        if self.away:
            raise StoreUnavailable("cut off")
        return await super().get(key)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Some values; each question counts."""
        self.asked += 1
        return await super().get_many(keys)

    async def increment(self, key: str, by: int = 1, *, lasting: float | None = None) -> int:
        """Count, unless it is away."""
        if self.away:
            raise StoreUnavailable("cut off")
        return await super().increment(key, by, lasting=lasting)


class Scene:
    """Workers on one store and one clock, which look when they are told to."""

    def __init__(self) -> None:
        self.keys = Away()
        self.clock = FakeClock()

    def worker(self, *, allow: bool = False, lasting: float = DAY) -> KeyStoreRevocations:
        """One more."""
        return KeyStoreRevocations(
            self.keys,
            lasting=lasting,
            when_away="allow" if allow else "refuse",
            clock=self.clock.wall,
            monotonic=self.clock,
        )

    async def looking(self) -> KeyStoreRevocations:
        """One more, which has looked."""
        worker = self.worker()
        await worker.catch_up()
        return worker


@pytest.fixture
def scene() -> Scene:
    """A new store."""
    return Scene()


@pytest.fixture
async def pair() -> AsyncIterator[tuple[KeyStoreRevocations, KeyStoreRevocations]]:
    """Two workers that really follow one store."""
    keys = MemoryKeys()
    workers = KeyStoreRevocations(keys, lasting=DAY), KeyStoreRevocations(keys, lasting=DAY)
    for worker in workers:
        await worker.start()
    yield workers
    for worker in workers:
        await worker.close()


def knows(worker: KeyStoreRevocations, *ids: str) -> list[bool]:
    """Which of these tokens it holds for revoked."""
    return [worker.revoked("jwt", one, "shop/alice", 1.0) for one in ids]


async def test_a_revocation_is_known_to_all_within_a_second(
    pair: tuple[KeyStoreRevocations, KeyStoreRevocations],
) -> None:
    """Here at once, elsewhere within a second: one token, and everything of a user."""
    here, there = pair
    await here.revoke("jwt", "a")
    await here.revoke_user("shop/bob")
    assert here.revoked("jwt", "a", "shop/alice", 1.0)
    begun = time.monotonic()
    await until(lambda: there.revoked("jwt", "a", "shop/alice", 1.0))
    assert time.monotonic() - begun < 10  # it is half a second; who does not follow the store never knows
    assert there.revoked("session", "b", "shop/bob", 1.0)
    assert not there.revoked("session", "a", "shop/alice", 1.0)
    assert not there.revoked("jwt", "b", "blog/bob", 1.0)


async def test_a_users_moment_parts_what_was_issued_before_from_what_comes_after(scene: Scene) -> None:
    """Of one and the same second, what was issued before the revocation is over and what came after it is good."""
    here, there = await scene.looking(), await scene.looking()
    before = scene.clock.wall()
    scene.clock.advance(0.25)
    await here.revoke_user("shop/alice")
    scene.clock.advance(0.001)
    after = scene.clock.wall()
    await there.catch_up()
    for worker in (here, there):
        assert worker.revoked("jwt", "x", "shop/alice", before)
        assert not worker.revoked("jwt", "y", "shop/alice", after)


async def test_a_later_moment_is_never_replaced_by_an_earlier_one(scene: Scene) -> None:
    """Two workers revoke one user; in whichever order a third reads it, the later moment counts."""
    first, second, third = [await scene.looking() for _ in range(3)]
    await first.revoke_user("shop/alice")
    scene.clock.advance(1)
    await second.revoke_user("shop/alice")
    await third.catch_up()
    await first.catch_up()
    for worker in (first, second, third):
        assert worker.revoked("session", "x", "shop/alice", scene.clock.wall())


async def test_a_new_worker_reads_all_that_stands(scene: Scene) -> None:
    """A worker that starts late knows every revocation, over many batches, and gaps of writers that died."""
    here = await scene.looking()
    for number in range(450):
        await here.revoke("jwt", f"t{number}")
        if number % 50 == 0:
            await scene.keys.increment("revocations", 3)
    late = await scene.looking()
    assert all(knows(late, *(f"t{number}" for number in range(450))))


async def test_a_new_worker_stops_where_nothing_stands_any_more(scene: Scene) -> None:
    """A million expired numbers are not looked for."""
    await scene.keys.increment("revocations", 1_000_000)
    here = await scene.looking()
    await here.revoke("jwt", "a")
    scene.keys.asked = 0
    late = await scene.looking()
    assert knows(late, "a") == [True]
    assert scene.keys.asked < 5


async def test_a_number_whose_revocation_is_late_is_looked_for_again(scene: Scene) -> None:
    """Between drawing a number and writing, a writer may be slow; nobody misses what it writes then."""
    there = await scene.looking()
    number = await scene.keys.increment("revocations")
    late = await scene.looking()
    await there.catch_up()
    other = Scene()
    await (await other.looking()).revoke("jwt", "slow")
    text = await other.keys.get("revocation:1")
    assert text is not None
    for _ in range(3):
        scene.clock.advance(0.5)
        await there.catch_up()
    await scene.keys.put(f"revocation:{number}", text)
    for worker in (there, late):
        await worker.catch_up()
        assert knows(worker, "slow") == [True]


async def test_an_emptied_store_is_read_from_its_beginning(scene: Scene) -> None:
    """When the counter goes back, what is counted anew is read, and what was known stays known."""
    here, there = await scene.looking(), await scene.looking()
    for one in "abc":
        await here.revoke("jwt", one)
    await there.catch_up()
    await scene.keys.close()  # forgets everything
    await here.revoke("jwt", "d")
    await there.catch_up()
    assert knows(there, *"abcd") == [True] * 4


async def test_a_lost_counter_overwrites_nothing(scene: Scene) -> None:
    """If only the counter is lost, older revocations stay where new workers find them."""
    here = await scene.looking()
    for one in "abc":
        await here.revoke("jwt", one)
    await scene.keys.delete("revocations")
    await here.revoke("jwt", "d")
    assert knows(await scene.looking(), *"abcd") == [True] * 4


async def test_a_number_used_twice_by_a_store_that_failed_over_is_found(scene: Scene) -> None:
    """A replica that missed the last number gives it out again; the last numbers are read again in a while."""
    here, there = await scene.looking(), await scene.looking()
    await here.revoke("jwt", "a")
    await there.catch_up()
    await scene.keys.delete("revocation:1")
    await scene.keys.put("revocations", b"0")
    await here.revoke("jwt", "b")
    scene.clock.advance(10)
    await there.catch_up()
    assert knows(there, "a", "b") == [True, True]


async def test_what_has_ended_is_forgotten(scene: Scene) -> None:
    """A revocation takes memory for as long as anything it ended could live, and no longer."""
    here = scene.worker(lasting=60)
    await here.catch_up()
    await here.revoke("jwt", "a")
    await here.revoke_user("shop/bob")
    scene.clock.advance(59)
    await here.catch_up()
    assert (knows(here, "a"), here.revoked("jwt", "x", "shop/bob", 1.0)) == ([True], True)
    await scene.keys.close()
    scene.clock.advance(10)
    await here.catch_up()
    scene.clock.advance(10)
    await here.catch_up()
    assert (knows(here, "a"), here.revoked("jwt", "x", "shop/bob", 1.0)) == ([False], False)


async def test_unreadable_revocations_are_passed_over(scene: Scene) -> None:
    """What another version, or nobody, wrote there does not keep the others from being read."""
    there = await scene.looking()
    for text in (b"", b"\xff", b"[]", b"1", b"null", b'{"at": 1}', b'{"at":1,"until":2,"more":3}'):
        await scene.keys.put(f"revocation:{await scene.keys.increment('revocations')}", text)
    await (await scene.looking()).revoke("jwt", "a")
    await there.catch_up()
    assert knows(there, "a") == [True]


async def test_without_the_store_nothing_is_known_and_refused(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Five seconds after the store was last heard, `refuse` answers `StoreUnavailable`, and tells it once."""
    here = await scene.looking()
    scene.keys.away = True
    scene.clock.advance(5)
    assert knows(here, "a") == [False]
    scene.clock.advance(0.1)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            knows(here, "a")
    scene.keys.away = False
    await here.catch_up()
    assert knows(here, "a") == [False]
    assert len([line for line in caplog.records if line.levelno == logging.WARNING]) == 1


async def test_before_the_first_look_nothing_is_known(scene: Scene) -> None:
    """A worker that never reached the store refuses from the start."""
    with pytest.raises(StoreUnavailable):
        knows(scene.worker(), "a")


async def test_without_the_store_allow_answers_from_what_it_knows(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """`allow` goes on with what is known, also with what was revoked here meanwhile; one line tells of each outage."""
    here = scene.worker(allow=True)
    await here.catch_up()
    await here.revoke("jwt", "a")
    for _ in range(2):
        scene.keys.away = True
        scene.clock.advance(6)
        with pytest.raises(StoreUnavailable):
            await here.revoke("jwt", "b")
        assert knows(here, "a", "b", "c") == [True, True, False]
        scene.keys.away = False
        await here.catch_up()
    assert len([line for line in caplog.records if line.levelno == logging.WARNING]) == 2


def _follows(worker: KeyStoreRevocations) -> bool:
    try:
        return bool(knows(worker, "a"))
    except StoreUnavailable:
        return False


async def test_following_survives_an_outage() -> None:
    """A worker that starts while the store is away catches up as soon as it is back, and ends when closed."""
    keys = Away()
    keys.away = True
    worker = KeyStoreRevocations(keys, lasting=DAY, poll=0.01)
    await worker.start()
    with pytest.raises(StoreUnavailable):
        knows(worker, "a")
    keys.away = False
    await until(lambda: _follows(worker))
    assert knows(worker, "a") == [False]
    await worker.close()
    asked = keys.asked
    await asyncio.sleep(0.05)
    assert keys.asked == asked


class Deaf(Away):
    """A key store whose driver makes a failure of its own of a cancellation."""

    stuck = False

    async def get(self, key: str) -> bytes | None:
        """One value; once it is stuck, nothing but a failure comes of it."""
        if not self.stuck:
            return await super().get(key)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise StoreUnavailable("cancelled, but not by name") from None
        return None


async def test_closing_ends_even_if_a_driver_swallows_the_cancellation() -> None:
    """Whoever follows the store looks no more, and the server can end."""
    keys = Deaf()
    worker = KeyStoreRevocations(keys, lasting=DAY, poll=0.01)
    await worker.start()
    keys.stuck = True
    await asyncio.sleep(0.1)
    async with asyncio.timeout(10):
        await worker.close()
