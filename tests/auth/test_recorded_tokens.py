"""Service tokens of the records: what a worker knows of them, when it asks the store, and what it does without it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pi_server.auth.recorded_tokens import GRACE, HOLD, MOST_KNOWN, MOST_UNKNOWN, NOTED
from pi_server.auth.service_tokens import UNKNOWN, digest, new_token
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import StoreUnavailable, Unauthenticated
from pi_server.stores.memory import MemoryStore
from tests.auth.token_scene import CONFIGURED, Scene

DAY = timedelta(days=1)


@pytest.fixture
def scene() -> Scene:
    """A worker with one configured token and no record."""
    return Scene(MemoryStore())


# --- in the ordinary way


async def test_a_token_works_as_soon_as_it_is_made(scene: Scene) -> None:
    """With its scopes and reach, and from then on without asking the store for a second."""
    token = await scene.operator.create("billing", scopes=["pay"], reach=["billing.pay"])
    assert await scene.identify(token) == Consumer("billing", frozenset({"pay"}), "token", frozenset({"billing.pay"}))
    scene.clock.advance(HOLD - 0.01)
    readings = scene.switch.readings
    assert scene.at_once(token)
    assert scene.switch.readings == readings
    scene.clock.advance(0.01)
    assert not scene.at_once(token)


async def test_many_calls_share_one_reading(scene: Scene) -> None:
    """A hundred calls with a token that is to be read again ask the store once, and one that gives up hurts none."""
    token = await scene.operator.create("billing")
    calls = [asyncio.create_task(scene.identify(token)) for _ in range(100)]
    await asyncio.sleep(0)
    calls[0].cancel()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert all(isinstance(consumer, Consumer) for consumer in done[1:])
    assert scene.switch.readings == 1


async def test_expired_revoked_and_unknown_differ_in_the_reason_only(scene: Scene) -> None:
    """The log tells which, the fault is the same; the ones that left their record are told apart, too."""
    revoked = await scene.operator.create("a")
    await scene.operator.revoke("a")
    expired = await scene.operator.create("b", expires=scene.clock.now() + DAY)
    scene.clock.advance(DAY.total_seconds())
    reasons = [await scene.reason(token) for token in (revoked, expired, new_token())]
    assert reasons == ["a revoked service token of a", "an expired service token of b", UNKNOWN]
    await scene.operator.create("a")
    await scene.operator.create("b")
    scene.clock.advance(HOLD)
    assert [await scene.reason(token) for token in (revoked, expired)] == reasons[:2]


async def test_a_token_ends_at_its_moment_though_it_is_remembered(scene: Scene) -> None:
    """Expiry is looked at with every call, not with every reading."""
    token = await scene.operator.create("a", expires=scene.clock.now() + timedelta(seconds=0.5))
    await scene.identify(token)
    scene.clock.advance(0.499)
    assert scene.at_once(token)
    scene.clock.advance(0.002)
    assert await scene.reason(token) == "an expired service token of a"


async def test_a_revocation_comes_within_a_second(scene: Scene) -> None:
    """What was read a second ago counts no more."""
    token = await scene.operator.create("a")
    await scene.identify(token)
    assert await scene.operator.revoke("a")
    scene.clock.advance(HOLD)
    assert await scene.reason(token) == "a revoked service token of a"


async def test_rotation_refuses_nobody(scene: Scene) -> None:
    """Old and new token are good during the overlap, each call of a consumer that changes over succeeds."""
    old = await scene.operator.create("a", scopes=["pay"])
    await scene.identify(old)
    rotated = await scene.operator.rotate("a", overlap=DAY)
    for _ in range(24):
        for token in (old, rotated.token):
            assert (await scene.identify(token)).scopes == {"pay"}
        scene.clock.advance(3599)
    scene.clock.advance(24)
    assert await scene.reason(old) == "an expired service token of a"
    assert (await scene.identify(rotated.token)).name == "a"


async def test_unknown_tokens_are_remembered_for_a_second(scene: Scene) -> None:
    """The same wrong token again does not reach the store, and of a flood of wrong ones the first are forgotten."""
    token = new_token()
    assert await scene.reason(token) == UNKNOWN
    with pytest.raises(Unauthenticated):
        scene.tokens.identify(token)
    assert scene.switch.readings == 1
    for _ in range(MOST_UNKNOWN):
        await scene.reason(new_token())
    readings = scene.switch.readings
    await scene.reason(token)
    assert scene.switch.readings == readings + 1


async def test_known_tokens_are_a_bounded_number(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one read longest ago makes way, and is simply read again."""
    assert MOST_KNOWN == 10_000
    monkeypatch.setattr("pi_server.auth.recorded_tokens.MOST_KNOWN", 2)
    tokens = [await scene.operator.create(name) for name in "abc"]
    for token in tokens:
        await scene.identify(token)
    assert [scene.at_once(token) for token in tokens] == [False, True, True]
    assert (await scene.identify(tokens[0])).name == "a"


# --- while the store is away


async def test_known_tokens_outlive_a_store_that_is_away(scene: Scene) -> None:
    """For a minute since they were last read, then 503; unknown ones get 503 and never 401."""
    known, other = await scene.operator.create("a"), await scene.operator.create("b")
    await scene.identify(known)
    scene.switch.away = True
    scene.clock.advance(HOLD / 2)
    while scene.clock() < GRACE - HOLD:
        scene.clock.advance(HOLD)
        assert (await scene.identify(known)).name == "a"
        with pytest.raises(StoreUnavailable):
            await scene.identify(other)
        await asyncio.sleep(0)
    scene.clock.advance(HOLD / 2)
    with pytest.raises(StoreUnavailable):
        await scene.identify(known)
    assert isinstance(scene.tokens.identify(CONFIGURED), Consumer)
    scene.switch.away = False
    scene.clock.advance(HOLD)
    assert (await scene.identify(known)).name == "a"
    assert (await scene.identify(other)).name == "b"


async def test_a_store_that_hangs_holds_up_no_known_token(scene: Scene) -> None:
    """Once the store is known to be away it is asked behind, and unknown tokens are answered without it."""
    known = await scene.operator.create("a")
    await scene.identify(known)
    scene.switch.away = True
    scene.clock.advance(HOLD)
    await scene.identify(known)
    asked = scene.switch.asked
    with pytest.raises(StoreUnavailable):
        scene.tokens.identify(new_token())
    assert scene.switch.asked == asked
    scene.switch.gate.clear()
    for _ in range(10):
        scene.clock.advance(HOLD)
        assert scene.at_once(known)
        await asyncio.sleep(0)
    assert scene.switch.asked == asked + 1
    scene.switch.gate.set()
    await scene.recorded.close()


async def test_a_revocation_counts_as_soon_as_the_store_is_back(scene: Scene) -> None:
    """The reading behind finds it; until then the last known word holds.  After that all is as before."""
    token, other = await scene.operator.create("a"), await scene.operator.create("b")
    await scene.identify(token)
    await scene.identify(other)
    scene.switch.away = True
    await scene.operator.revoke("a")
    scene.clock.advance(HOLD)
    await scene.identify(token)
    scene.switch.away = False
    scene.clock.advance(HOLD)
    await scene.identify(token)
    await scene.recorded.close()
    assert await scene.reason(token) == "a revoked service token of a"
    await scene.operator.revoke("b")
    assert await scene.reason(other) == "a revoked service token of b"


# --- names that the configuration has, too


async def test_a_configured_name_shadows_the_record(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """The record's token is refused, and the log says so once, at the start."""
    token = await scene.operator.create("shop")
    await scene.operator.create("gone")
    await scene.recorded.start()
    assert await scene.reason(token) == "the recorded service token of shop, which tokens.shop shadows"
    assert [record.getMessage() for record in caplog.records] == [
        "tokens.shop shadows the recorded token of that name, which is refused"
    ]


async def test_a_start_without_the_store_is_a_line_in_the_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """It is no reason not to serve."""
    scene.switch.away = True
    await scene.recorded.start()
    assert "cannot be read yet: the test took it away" in caplog.text


# --- last used


async def test_the_last_use_is_written_once_a_minute(scene: Scene) -> None:
    """At most `NOTED` seconds too early, never too late, and without changing the record's version."""
    token = await scene.operator.create("a")
    before = (await scene.records.get("a")).version
    written: list[float] = []
    for _ in range(int(2.5 * NOTED)):
        await scene.identify(token)
        await scene.recorded.close()
        used = (await scene.operator.uses())[digest(token)]
        written.append(used.timestamp())
        assert 0 <= scene.clock.wall() - used.timestamp() < NOTED + 0.001  # a store keeps milliseconds
        scene.clock.advance(HOLD)
    assert len(set(written)) == 3
    assert (await scene.records.get("a")).version == before


async def test_tokens_that_are_refused_were_not_used(scene: Scene) -> None:
    """Neither a revoked nor an expired nor an unknown token leaves a note."""
    revoked = await scene.operator.create("a")
    await scene.operator.revoke("a")
    expired = await scene.operator.create("b", expires=scene.clock.now())
    for token in (revoked, expired, new_token()):
        await scene.reason(token)
    await scene.recorded.close()
    assert await scene.operator.uses() == {}


async def test_workers_that_note_at_once_do_not_hurt_each_other(scene: Scene) -> None:
    """The latest of many notes at the same time stands, or one as good, and none raises."""
    now = scene.clock.now()
    moments = [now + timedelta(seconds=n) for n in range(20)]
    await asyncio.gather(*(scene.operator.note_use("d", moment) for moment in moments))
    assert (await scene.operator.uses())["d"] >= moments[0] - timedelta(milliseconds=1)
    await scene.operator.note_use("d", moments[-1])
    await scene.operator.note_use("d", now)
    assert abs((await scene.operator.uses())["d"] - moments[-1]) <= timedelta(milliseconds=1)


async def test_a_note_that_failed_is_made_up_for(scene: Scene) -> None:
    """If the store fails between reading and writing, the next reading writes."""
    token = await scene.operator.create("a")
    scene.switch.broken = frozenset({"get", "insert", "replace"})
    await scene.identify(token)
    await scene.recorded.close()
    assert await scene.operator.uses() == {}
    scene.switch.broken = frozenset()
    scene.clock.advance(HOLD)
    await scene.identify(token)
    await scene.recorded.close()
    assert digest(token) in await scene.operator.uses()
