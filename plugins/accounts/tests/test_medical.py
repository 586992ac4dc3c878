"""What may be in a medical record."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from pi_accounts.medical import DEEPEST, LARGEST, MOST_VALUES, MedicalRecord

NOW = datetime.now(UTC)
POINT = {"type": "Point", "coordinates": [2.35, 48.86]}


def record(**fields: Any) -> MedicalRecord:
    """A record with these fields."""
    return MedicalRecord.model_validate({"kind": "blood pressure", "taken": NOW, **fields})


def test_a_position_has_the_fields_of_the_source() -> None:
    """Spelled as GeoJSON and the source spell them; numbers with a point lose nothing that matters."""
    full = {
        "type": "Point", "coordinates": [Decimal("2.35"), 48.86, -3], "locationAccuracy": 5, "locationSource": "GPS",
        "crs": {"type": "name", "name": "urn:ogc:def:crs:OGC:1.3:CRS84"}, "altitude": 35, "speed": Decimal("0.4"),
        "deviceOrientation": 0, "gpsOrientation": 359.9,
    }  # fmt: skip
    position = record(position=full).position
    assert position is not None
    assert position.model_dump(mode="json") == {**full, "coordinates": [2.35, 48.86, -3.0], "speed": 0.4}


COORDINATES: list[Any] = [
    [181, 0], [0, 91], [0, -90.1], [0], [], [0, 0, 0, 0], ["NaN", 0], [float("inf"), 0], [1e308, 0], [None, 0],
    [{}, 0], "0,0", {"$gt": 0}, [0, 0, 200_000], None,
]  # fmt: skip
OTHERS: dict[str, Any] = {
    "altitude": 1e9, "speed": -1, "locationAccuracy": -0.1, "deviceOrientation": 361, "gpsOrientation": "NaN",
    "locationSource": "a\0b", "crs": {"type": "name", "name": "x", "$where": "1"}, "type": "Polygon", "accuracy": 1,
}  # fmt: skip
NOWHERE: list[Any] = [
    *({**POINT, "coordinates": where} for where in COORDINATES),
    *({**POINT, name: value} for name, value in OTHERS.items()),
    *({}, [], "x"),
]


@pytest.mark.parametrize("position", NOWHERE)
def test_a_position_lies_on_earth(position: Any) -> None:
    """Ranges, kinds and names are those of a position; infinity and no number are none."""
    with pytest.raises(ValidationError):
        record(position=position)


@pytest.mark.parametrize(
    "fields",
    [
        {"taken": "2026-01-02T03:04:05"}, {"taken": NOW + timedelta(days=2)}, {"taken": "1899-12-31T00:00:00Z"},
        {"taken": "0001-01-01T00:00:00+14:00"}, {"taken": "yesterday"}, {"kind": ""}, {"kind": "x" * 101},
        {"kind": None}, {"kind": {"$gt": ""}},
        {"note": "x" * 4001}, {"note": "a\0b"}, {"note": "\x1b[2J"}, {"value": ["x"]}, {"unit": "x" * 51},
    ],
)  # fmt: skip
def test_a_record_is_of_our_time_and_of_bounded_size(fields: dict[str, Any]) -> None:
    """With a zone, within what anybody alive can have noted."""
    with pytest.raises(ValidationError):
        record(**fields)


@pytest.mark.parametrize(
    "name", ["owner", "id", "_id", "added", "changed", "role", "isAdmin", "createdAt", "sealed", "__proto__", "$set"]
)
def test_no_other_field_is_taken(name: str) -> None:
    """Neither what the server sets itself nor what is a field elsewhere."""
    with pytest.raises(ValidationError):
        record(**{name: "x"})


def test_further_fields_are_kept_as_they_are() -> None:
    """Of any name that is one, and any shape within the bounds."""
    extra = {
        "pulse": 61,
        "température": Decimal("37.2"),
        "blood type": "0+",
        "series": [1, 2, {"at": None}],
        "fasting": True,
    }
    assert record(extra=extra).extra == {**extra, "température": 37.2}


def nested(levels: int) -> Any:
    """Objects within each other."""
    return {"a": nested(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    "extra",
    [
        {"$where": 1}, {"a.b": 1}, {"a:b": 1}, {"a\0": 1}, {"_id": 1}, {"__proto__": {}}, {"": 1}, {" a": 1},
        {"x" * 65: 1},
        {"a": {"$gt": ""}},
        {"a": [{"b": {"c.d": 1}}]}, {"a": "\0"}, {"a": ["\x00"]}, {"\u202ea": 1}, {"a": float("nan")},
        {"a": Decimal("1e999")},
        nested(DEEPEST + 1), {"a": list(range(MOST_VALUES))}, {"a": ["x" * 4000] * 5}, [], "x",
    ],
)  # fmt: skip
def test_further_fields_are_bounded(extra: Any) -> None:
    """In names, depth, number and size; no operator of a database is a name."""
    with pytest.raises(ValidationError):
        record(extra=extra)
    assert LARGEST < 16_385


def test_the_bounds_themselves_are_taken() -> None:
    """One less is enough."""
    record(extra=nested(DEEPEST))
    record(extra={"a": list(range(MOST_VALUES - 2))})
