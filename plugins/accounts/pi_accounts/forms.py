"""What people type on the pages, and the records it stands for."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from pi_accounts.medical import Kind, Latitude, Line, Longitude, MedicalRecord, ShownRecord, Unit, Words, in_our_time
from pi_accounts.model import Credentials
from pi_server.pages import ErrorText, Form

_BOTH = "Give both latitude and longitude, or neither."


class SignInForm(Credentials):
    """Typed to sign in; ``next`` is the page that somebody wanted to see."""

    next: Annotated[str, Field(max_length=2000)] = ""


def _local(moment: datetime) -> datetime:
    """A browser's date and time have no zone; the page says that they are meant in UTC."""
    in_our_time(moment.replace(tzinfo=UTC))
    return moment.replace(tzinfo=None)


class RecordForm(BaseModel):
    """Typed: a record; ``extra`` has a line for each further field, ``name: value``."""

    kind: Kind
    taken: Annotated[datetime, AfterValidator(_local)]
    value: Line | None = None
    unit: Unit | None = None
    note: Words | None = None
    latitude: Annotated[Latitude, ErrorText("Please enter a number of degrees from -90 to 90.")] | None = None
    longitude: Annotated[Longitude, ErrorText("Please enter a number of degrees from -180 to 180.")] | None = None
    extra: Annotated[str, Field(max_length=20_000)] = ""


def shown_in_form(record: ShownRecord) -> Form[RecordForm]:
    """The form that shows a record, to be changed."""
    where = record.position.coordinates if record.position else (None, None)
    return Form[RecordForm].filled(
        RecordForm(
            kind=record.kind,
            taken=record.taken.astimezone(UTC).replace(tzinfo=None, microsecond=0),
            value=record.value,
            unit=record.unit,
            note=record.note,
            latitude=where[1],
            longitude=where[0],
            extra=lines_of(record.extra),
        )
    )


def record_in(form: Form[RecordForm], before: ShownRecord | None = None) -> MedicalRecord | Form[RecordForm]:
    """The record that was typed, or the form with what is wrong; what a form does not show stays as it was before."""
    typed = form.value
    if typed is None:
        return form
    if (typed.latitude is None) != (typed.longitude is None):
        return form.with_error("latitude" if typed.latitude is None else "longitude", _BOTH)
    fields: dict[str, Any] = typed.model_dump(include={"kind", "value", "unit", "note"})
    fields["taken"] = _taken(typed.taken.replace(tzinfo=UTC), before)
    if typed.latitude is not None:
        known = before.position.model_dump(exclude_none=True) if before and before.position else {}
        fields["position"] = {**known, "coordinates": _coordinates(typed, known.get("coordinates", ()))}
    try:
        return MedicalRecord.model_validate({**fields, "extra": fields_of(typed.extra)})
    except (ValidationError, ValueError) as error:
        return form.with_error("extra", _reason(error))


def lines_of(extra: dict[str, Any]) -> str:
    """Further fields as lines; what is no text, and text that would be read as something else, as JSON."""
    return "\n".join(f"{name}: {shown_value(value)}" for name, value in extra.items())


def fields_of(lines: str) -> dict[str, Any]:
    """The fields of such lines; ValueError for a line without a name, and for a name that comes twice."""
    found: dict[str, Any] = {}
    for line in filter(str.strip, lines.split("\n")):
        name, colon, value = line.partition(":")
        name = name.strip()
        if not colon or not name or name in found:
            raise ValueError("This needs lines such as “pulse: 61”, each with a name of its own.")
        found[name] = _read(value.strip())
    return found


def _taken(typed: datetime, before: ShownRecord | None) -> datetime:
    """A form shows whole seconds; who did not change the time has not changed it."""
    return before.taken if before and before.taken.replace(microsecond=0) == typed else typed


def _coordinates(typed: RecordForm, known: tuple[float, ...]) -> tuple[float | None, ...]:
    """With the height, which the form does not show."""
    return (typed.longitude, typed.latitude, *known[2:])


def shown_value(value: Any) -> str:
    """A further field as text: as it is, or as JSON where that would be read as something else."""
    if isinstance(value, str) and value.isprintable() and _read(value.strip()) == value:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def _read(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return text


def _no_number(name: str) -> float:
    raise ValueError(name)


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
    return str(error)
