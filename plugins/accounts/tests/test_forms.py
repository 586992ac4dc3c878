"""What people type, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pi_accounts.forms import RecordForm, fields_of, lines_of, record_in, shown_in_form
from pi_accounts.medical import MedicalRecord, ShownRecord
from pi_server.pages import Form

TYPED = {"kind": "pulse", "taken": "2026-11-21T08:30"}
TAKEN = datetime(2026, 11, 21, 8, 30, 12, 345678, UTC)
FULL: dict[str, Any] = {
    "kind": "pulse", "taken": TAKEN, "value": "61", "unit": "1/min", "note": "at rest\nand sitting",
    "position": {"coordinates": [2.35, 48.86, 35.0], "altitude": 35, "locationSource": "GPS"},
    "extra": {"arm": "left", "number": "61", "series": [1, {"a": None}], "fasting": True},
}  # fmt: skip


def typed(**fields: str) -> MedicalRecord | Form[RecordForm]:
    """What comes of a form with these fields."""
    return record_in(Form.read(RecordForm, {**TYPED, **fields}))


def shown(**fields: Any) -> ShownRecord:
    """A record as it is kept."""
    return ShownRecord.model_validate({**FULL, "id": "r1", "added": TAKEN, "changed": TAKEN, **fields})


def test_a_form_is_a_record() -> None:
    """Its time is in UTC, and what is not filled in is not there."""
    record = typed(latitude="48.86", longitude="2.35", extra="arm: left\r\n\r\nseries: [1, 2]\n")
    assert isinstance(record, MedicalRecord)
    assert record.taken == datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    assert record.position is not None
    assert record.position.coordinates == (2.35, 48.86)
    assert (record.value, record.extra) == (None, {"arm": "left", "series": [1, 2]})


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"kind": ""}, "kind"), ({"kind": "a\x01"}, "kind"), ({"taken": "today"}, "taken"),
        ({"taken": "1800-01-01T00:00"}, "taken"),
        ({"latitude": "91", "longitude": "0"}, "latitude"), ({"latitude": "1"}, "longitude"), ({"longitude": "1"},
        "latitude"),
        ({"longitude": "NaN", "latitude": "0"}, "longitude"), ({"extra": "arm"}, "extra"), ({"extra": ": left"},
        "extra"),
        ({"extra": "a: 1\na: 2"}, "extra"), ({"extra": "$where: 1"}, "extra"), ({"extra": "a.b: 1"}, "extra"),
        ({"extra": "a: \x00"}, "extra"), ({"extra": 'a: {"b.c": 1}'}, "extra"),
        ({"extra": "a: " + "[" * 9 + "]" * 9}, "extra"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_beside_its_field(fields: dict[str, str], wrong: str) -> None:
    """In a sentence, and with what was typed kept."""
    form = typed(**fields)
    assert isinstance(form, Form)
    assert list(form.errors) == [wrong]
    assert form.errors[wrong][0].isupper()
    assert form.errors[wrong].endswith(".")
    assert form.given["taken"] == fields.get("taken", TYPED["taken"])


@pytest.mark.parametrize("extra", ["a: " + "[" * 15_000, "a: NaN", "a: Infinity", "a: " + "9" * 6000 + "x"])
def test_what_is_no_json_is_text(extra: str) -> None:
    """However deep it looks; too long a text is told."""
    found = fields_of(extra)
    assert isinstance(found["a"], str)


def test_what_a_form_does_not_show_stays() -> None:
    """Of the position all but the place, the fractions of a second, and fields that are no text."""
    before = shown()
    form = shown_in_form(before)
    assert form.given["extra"] == 'arm: left\nnumber: "61"\nseries: [1, {"a": null}]\nfasting: true'
    same = record_in(Form.read(RecordForm, dict(form.given)), before)
    assert isinstance(same, MedicalRecord)
    assert same.model_dump() == MedicalRecord.model_validate(FULL).model_dump()
    later = record_in(Form.read(RecordForm, {**form.given, "taken": "2026-11-21T09:30:12"}), before)
    assert isinstance(later, MedicalRecord)
    assert later.taken == TAKEN.replace(microsecond=0) + timedelta(hours=1)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)  # a machine may stop for a moment
@given(st.dictionaries(names, values, max_size=5))
def test_further_fields_survive_the_form(extra: dict[str, Any]) -> None:
    """Whatever may be kept is shown as lines, and read from them as it was."""
    try:
        record = MedicalRecord.model_validate({"kind": "x", "taken": TAKEN, "extra": extra})
    except ValidationError:
        return
    lines = lines_of(record.extra)
    assert fields_of(lines.replace("\n", "\r\n")) == record.extra
