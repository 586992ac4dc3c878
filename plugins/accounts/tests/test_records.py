"""Records, kept without a server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pi_accounts.faults import Unreadable
from pi_accounts.medical import MedicalRecord
from pi_accounts.records import Kept, Records
from pi_server import Call, Consumer
from pi_server.data import Collection, NotFound
from pi_server.security import Unrecorded
from pi_server.testing import memory_collection
from pi_server.testing.security import Audited, FakeAudit, FakeSealer

TAKEN = datetime(2026, 11, 21, 8, 30, 0, 123456, UTC)
PULSE = MedicalRecord.model_validate(
    {"kind": "pulse", "taken": TAKEN, "value": "61", "note": "at rest", "extra": {"arm": "left"}}
)
ANN = Call(consumer=Consumer("ann", kind="session"))
BOB = Call(consumer=Consumer("bob", kind="session"))


@pytest.fixture
def kept() -> Collection[Kept]:
    """Nobody keeps anything."""
    return memory_collection(Kept)


@pytest.fixture
def audit() -> FakeAudit:
    """Nothing is on record."""
    return FakeAudit()


@pytest.fixture
def records(kept: Collection[Kept], audit: FakeAudit) -> Records:
    """Records that are sealed for a test."""
    return Records(kept, FakeSealer(), audit)


async def test_what_is_kept_tells_owner_and_times_only(records: Records, kept: Collection[Kept]) -> None:
    """The rest is sealed, to the name of the last field; it comes back as it was."""
    shown = await records.add(ANN, PULSE)
    found = await kept.get(shown.id)
    assert found.value.model_dump(exclude={"added", "changed", "sealed"}) == {
        "owner": "ann",
        "taken": TAKEN.replace(microsecond=123000),
    }
    assert found.value.sealed.startswith("fake.")
    assert (await records.read(ANN, shown.id)).model_dump(exclude={"id", "added", "changed"}) == PULSE.model_dump()


async def test_another_ones_record_is_none(records: Records) -> None:
    """Whatever is done with it."""
    shown = await records.add(ANN, PULSE)
    for id_ in (shown.id, "nothing"):
        for done in (records.read(BOB, id_), records.change(BOB, id_, PULSE), records.remove(BOB, id_)):
            with pytest.raises(NotFound):
                await done
    assert (await records.page(BOB, 10, None)).records == []
    await records.remove_all(BOB)
    assert [one.id for one in (await records.page(ANN, 10, None)).records] == [shown.id]


async def test_every_access_is_on_record_with_names_and_no_values(records: Records, audit: FakeAudit) -> None:
    """Who, whose, which records, and the fields that hold something."""
    shown = await records.add(ANN, PULSE)
    await records.page(ANN, 10, None)
    await records.read(ANN, shown.id)
    await records.change(ANN, shown.id, MedicalRecord(kind="pulse", taken=TAKEN))
    await records.remove(ANN, shown.id)
    await records.remove_all(ANN)
    full = ("kind", "taken", "value", "note", "extra")
    assert audit.told == [
        Audited("ann", "add", "ann", (shown.id,), full),
        Audited("ann", "list", "ann", (shown.id,), full),
        Audited("ann", "read", "ann", (shown.id,), full),
        Audited("ann", "change", "ann", (shown.id,), ("kind", "taken")),
        Audited("ann", "delete", "ann", (shown.id,), ()),
        Audited("ann", "delete all", "ann", (), ()),
    ]


class FullDisk(FakeAudit):
    """Cannot write anything down."""

    def record(self, call: Call, action: str, **_: object) -> None:
        """Refuse."""
        raise Unrecorded


async def test_what_cannot_be_recorded_does_not_happen(records: Records, kept: Collection[Kept]) -> None:
    """Nothing is added, shown, changed or deleted."""
    shown = await records.add(ANN, PULSE)
    silent = Records(kept, FakeSealer(), FullDisk())
    other = MedicalRecord(kind="other", taken=TAKEN)
    for done in (
        silent.add(ANN, other),
        silent.page(ANN, 10, None),
        silent.read(ANN, shown.id),
        silent.change(ANN, shown.id, other),
        silent.remove(ANN, shown.id),
        silent.remove_all(ANN),
    ):
        with pytest.raises(Unrecorded):
            await done
    assert (await records.page(ANN, 10, None)).records == [shown]


async def test_a_record_that_was_given_to_somebody_else_is_not_shown(records: Records, kept: Collection[Kept]) -> None:
    """Whoever can write to the store can neither read a record nor hand it on."""
    shown = await records.add(ANN, PULSE)
    found = await kept.get(shown.id)
    await kept.replace(found, found.value.model_copy(update={"owner": "bob"}))
    with pytest.raises(Unreadable):
        await records.read(BOB, shown.id)
    found = await kept.get(shown.id)
    await kept.replace(found, found.value.model_copy(update={"owner": "ann", "sealed": "other"}))
    with pytest.raises(Unreadable):
        await records.page(ANN, 10, None)


async def test_what_an_older_key_sealed_is_sealed_anew(records: Records, kept: Collection[Kept]) -> None:
    """All of it, over many pages; what is fresh, or cannot be opened, stays as it is."""
    for n in range(250):
        shown = await records.add(ANN, PULSE)
        found = await kept.get(shown.id)
        sealed = FakeSealer.older(found.value.sealed) if n % 2 else found.value.sealed
        await kept.replace(found, found.value.model_copy(update={"sealed": "broken" if n == 0 else sealed}))
    await records.keep_fresh()
    texts = [one.value.sealed for one in (await kept.find(limit=300)).items]
    assert sum(text.startswith("fake.") for text in texts) == 249
    assert texts.count("broken") == 1


async def test_sealing_anew_goes_on_when_its_owner_is_quicker(records: Records, kept: Collection[Kept]) -> None:
    """A change or a deletion at the same moment counts."""
    shown = [await records.add(ANN, PULSE) for _ in range(20)]
    for one in shown:
        found = await kept.get(one.id)
        older = FakeSealer.older(found.value.sealed)
        await kept.replace(found, found.value.model_copy(update={"sealed": older}))
    changes = [records.change(ANN, one.id, MedicalRecord(kind="other", taken=TAKEN)) for one in shown[:10]]
    await asyncio.gather(records.keep_fresh(), *changes, *(records.remove(ANN, one.id) for one in shown[10:]))
    left = (await records.page(ANN, 100, None)).records
    assert [one.kind for one in left] == ["other"] * 10
    assert all(one.taken - TAKEN < timedelta(1) for one in left)
