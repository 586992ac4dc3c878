"""What the four verbs do to the records of service tokens, also two of them at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pi_server.auth.service_tokens import digest
from pi_server.auth.token_records import RECORDS, TokenRecords, TokenRefusedError
from pi_server.domain.stores import Store
from pi_server.stores.memory import MemoryStore
from pi_server.stores.sqlite import open_sqlite
from pi_server.testing.fake_clock import FakeClock

DAY = timedelta(days=1)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store; in SQLite others come in between two steps of one verb."""
    store = MemoryStore() if request.param == "memory" else await open_sqlite(tmp_path / "documents", 5.0)
    yield store
    await store.close()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that begins now: the store has its own."""
    return FakeClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def records(store: Store, clock: FakeClock) -> TokenRecords:
    """The records of the store."""
    return TokenRecords(store, clock.now)


async def test_only_digests_are_kept(records: TokenRecords, store: Store) -> None:
    """What the store holds after creating and rotating tells no token."""
    tokens = [await records.create("a", scopes=["pay"]), (await records.rotate("a", overlap=DAY)).token]
    found = await store.documents(RECORDS).find()
    held = json.dumps([stored.document for stored in found.items], default=str)
    for token in tokens:
        assert token not in held
        assert token[3:] not in held
        assert digest(token) in held


async def test_a_name_with_a_valid_token_is_not_created_again(records: TokenRecords, clock: FakeClock) -> None:
    """Until all of its tokens have ended, or it is revoked."""
    first = await records.create("a", expires=clock.now() + DAY)
    with pytest.raises(TokenRefusedError, match="a has a valid token: rotate it, or revoke it first"):
        await records.create("a")
    clock.advance(DAY.total_seconds())
    second = await records.create("a", scopes=["x"])
    await records.revoke("a")
    third = await records.create("a", reach=["billing"])
    (record,) = await records.all()
    assert (record.scopes, record.reach, record.revoked) == ((), ("billing",), None)
    assert len({first, second, third}) == 3
    states = [await _state(records, token, clock) for token in (first, second, third)]
    assert states == ["expired", "revoked", "valid"]


async def test_two_are_valid_at_most(records: TokenRecords, clock: FakeClock) -> None:
    """A rotation while two are valid is refused, and says until when."""
    first = await records.create("a")
    second = await records.rotate("a", overlap=timedelta(hours=2))
    with pytest.raises(TokenRefusedError, match=r"two valid tokens; the older one ends at \d{4}-.*Z, then it can"):
        await records.rotate("a", overlap=DAY)
    assert [await _state(records, token, clock) for token in (first, second.token)] == ["expiring", "valid"]
    clock.advance(7200)
    third = await records.rotate("a", overlap=timedelta())
    states = [await _state(records, token, clock) for token in (first, second.token, third.token)]
    assert states == ["expired", "expired", "valid"]


async def test_ten_rotations_at_once_make_one_token(records: TokenRecords, clock: FakeClock) -> None:
    """The others are refused, whoever comes first."""
    await records.create("a")
    done = await asyncio.gather(*(records.rotate("a", overlap=DAY) for _ in range(10)), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert all(isinstance(one, TokenRefusedError) for one in done if isinstance(one, BaseException))
    (record,) = await records.all()
    assert len(record.valid(clock.now())) == 2


async def test_ten_creations_at_once_make_one_token(records: TokenRecords, clock: FakeClock) -> None:
    """Also over a record that was revoked."""
    for _ in range(2):
        done = await asyncio.gather(*(records.create("a") for _ in range(10)), return_exceptions=True)
        made = [one for one in done if isinstance(one, str)]
        assert len(made) == 1
        assert sum(isinstance(one, TokenRefusedError) for one in done) == 9
        assert await _state(records, made[0], clock) == "valid"
        await records.revoke("a")


async def test_a_revocation_meets_a_rotation(records: TokenRecords, clock: FakeClock) -> None:
    """Whatever the order, in the end no token of the name is valid."""
    for round_ in range(20):
        name = f"n{round_}"
        await records.create(name)
        await asyncio.gather(
            records.rotate(name, overlap=DAY), records.revoke(name), records.revoke(name), return_exceptions=True
        )
    assert [record.valid(clock.now()) for record in await records.all()] == [()] * 20


async def test_a_rotation_never_lengthens_the_token_before(records: TokenRecords, clock: FakeClock) -> None:
    """It ends as planned or after the overlap, whichever is first; the new one lasts as long as it was made to."""
    await records.create("a", expires=clock.now() + 10 * DAY)
    clock.advance((9 * DAY).total_seconds())
    rotated = await records.rotate("a", overlap=3 * DAY)
    assert rotated.until == clock.now() + DAY
    assert rotated.record.newest.expires == clock.now() + 10 * DAY
    clock.advance((2 * DAY).total_seconds())
    given = clock.now() + 5 * DAY
    assert (await records.rotate("a", overlap=DAY, expires=given)).record.newest.expires == given
    await records.create("b")
    assert (await records.rotate("b", overlap=DAY)).record.newest.expires is None


async def test_what_cannot_be_done_says_why(records: TokenRecords, clock: FakeClock) -> None:
    """No record, nothing valid any more, revoked already."""
    for verb in (records.rotate("a", overlap=DAY), records.revoke("a")):
        with pytest.raises(TokenRefusedError, match="there is no record of a"):
            await verb
    await records.create("a", expires=clock.now() + DAY)
    clock.advance(DAY.total_seconds())
    with pytest.raises(TokenRefusedError, match="a has no valid token any more: create it again"):
        await records.rotate("a", overlap=DAY)
    assert await records.revoke("a") is True
    assert await records.revoke("a") is False


async def _state(records: TokenRecords, token: str, clock: FakeClock) -> str:
    record = await records.by_digest(digest(token))
    assert record is not None
    (one,) = [one for one in record.issued if one.sha256 == digest(token)]
    return record.state(one, clock.now())
