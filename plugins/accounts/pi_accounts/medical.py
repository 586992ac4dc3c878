"""Medical records and positions as they travel, and what of them may be kept."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

DEEPEST, MOST_VALUES, LARGEST = 5, 200, 16_384
"""Of the further fields of a record: levels, values in all, and bytes as JSON."""

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LONGEST_NAME = 64


def in_our_time(moment: datetime) -> datetime:
    """The moment itself, if anybody alive can have noted it; ValueError otherwise."""
    if not _EARLIEST <= moment <= datetime.now(UTC) + timedelta(days=1):
        raise ValueError("This must lie between the year 1900 and tomorrow.")
    return moment


def _text(value: str) -> str:
    if any((letter < " " and letter not in "\r\n\t") or "\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("This holds a character that is no text.")
    return value


def _plain(value: Any) -> Any:
    """A number with a point arrives as a `Decimal`, which JSON does not have."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in cast("Mapping[str, Any]", value).items()}
    return [_plain(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


def _bounded(fields: dict[str, Any]) -> dict[str, Any]:
    if _values(fields, 1) > MOST_VALUES:
        raise ValueError(f"This has more than {MOST_VALUES} values.")
    try:
        size = len(json.dumps(fields, ensure_ascii=False, allow_nan=False).encode())
    except (TypeError, ValueError):
        raise ValueError("This holds what is no JSON.") from None
    if size > LARGEST:
        raise ValueError(f"This is larger than {LARGEST} bytes.")
    return fields


def _values(value: object, depth: int) -> int:
    """How many there are; ValueError where they lie too deep, or under a name that is none."""
    if depth > DEEPEST + 1:
        raise ValueError(f"This has more than {DEEPEST} levels.")
    if isinstance(value, dict):
        inside = cast("dict[str, object]", value)
        for name in inside:
            _check_name(name)
        return 1 + sum(_values(item, depth + 1) for item in inside.values())
    if isinstance(value, list):
        return 1 + sum(_values(item, depth + 1) for item in cast("list[object]", value))
    if isinstance(value, str):
        _text(value)
    return 1


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise ValueError(f"A name in this has 1 to {_LONGEST_NAME} printable characters.")
    if name[0] in "$_" or {".", ":"} & {*name} or name != name.strip():
        raise ValueError("A name in this has no dot or colon, and neither $, _ nor a space in front.")


Kind = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_text)]
Unit = Annotated[str, Field(max_length=50), AfterValidator(_text)]
Moment = Annotated[AwareDatetime, AfterValidator(in_our_time)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_text)]
Words = Annotated[str, Field(max_length=4000), AfterValidator(_text)]
Further = Annotated[dict[str, Any], BeforeValidator(_plain), AfterValidator(_bounded)]

Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Altitude = Annotated[float, Field(ge=-12_000, le=100_000, allow_inf_nan=False, description="In metres.")]
Direction = Annotated[float, Field(ge=0, le=360, allow_inf_nan=False, description="In degrees, clockwise from north.")]
Accuracy = Annotated[float, Field(ge=0, le=20_000_000, allow_inf_nan=False, description="In metres.")]
Speed = Annotated[float, Field(ge=0, le=12_000, allow_inf_nan=False, description="In metres a second.")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReferenceSystem(_Strict):
    """In which coordinates are meant."""

    type: Line = "name"
    name: Line = "urn:ogc:def:crs:OGC:1.3:CRS84"


class Position(_Strict):
    """Where something was measured: a point of GeoJSON, and how it came about."""

    type: Literal["Point"] = "Point"
    coordinates: tuple[Longitude, Latitude] | tuple[Longitude, Latitude, Altitude]
    locationAccuracy: Accuracy | None = None  # noqa: N815 - spelled as it travels, as are the others
    locationSource: Line | None = None  # noqa: N815
    crs: ReferenceSystem | None = None
    altitude: Altitude | None = None
    speed: Speed | None = None
    deviceOrientation: Direction | None = None  # noqa: N815
    gpsOrientation: Direction | None = None  # noqa: N815


class MedicalRecord(_Strict):
    """Sent: something measured or noted; ``extra`` holds whatever fields there are besides."""

    kind: Kind
    taken: Moment
    value: Line | None = None
    unit: Unit | None = None
    note: Words | None = None
    position: Position | None = None
    extra: Further = {}

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the fields that hold something."""
        return tuple(name for name in MedicalRecord.model_fields if getattr(self, name))


class ShownRecord(MedicalRecord):
    """Answered: a record as its owner sees it."""

    id: str
    added: datetime
    changed: datetime


class RecordPage(BaseModel):
    """Answered: some records, the latest first; ``next`` is where to go on, null at the end."""

    records: list[ShownRecord]
    next: str | None
