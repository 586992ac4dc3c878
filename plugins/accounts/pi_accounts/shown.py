"""What pages show of records and sessions, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pi_accounts.forms import shown_value
from pi_accounts.medical import Position, ShownRecord
from pi_accounts.model import OpenSession

SENTENCES = {
    "signed-up": "If this address had no account, it has one now. You can sign in.",
    "signed-out": "You are signed out.",
    "deleted": "Your account and everything in it is deleted.",
    "password": "Your password is changed, and every other browser is signed out.",
    "ended": "The session is ended.",
    "added": "The record is added.",
    "changed": "The record is changed.",
    "removed": "The record is deleted.",
}
"""What was done before a page is shown, by the word in its address: nothing else is ever shown from there."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record: its title, its time for people and for machines, and everything else by name."""

    id: str
    kind: str
    measured: str
    taken: str
    machine: str
    note: str
    details: tuple[tuple[str, str], ...]


def record_row(record: ShownRecord) -> Row:
    """A record in words."""
    extra = [(name, shown_value(value)) for name, value in record.extra.items()]
    return Row(
        id=record.id,
        kind=record.kind,
        measured=" ".join(filter(None, (record.value, record.unit))),
        taken=told(record.taken),
        machine=record.taken.isoformat(),
        note=record.note or "",
        details=(*extra, *(_place(record.position) if record.position else ())),
    )


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session: since when and from where, and whether it is this browser's."""

    id: str
    opened: str
    machine: str
    source: str
    this: bool


def session_rows(sessions: Sequence[OpenSession]) -> list[SessionRow]:
    """Sessions in words."""
    return [SessionRow(one.id, told(one.opened), one.opened.isoformat(), one.source, one.this) for one in sessions]


def told(moment: datetime) -> str:
    """``21 Nov 2026, 08:30 UTC``."""
    return moment.astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")


def _place(position: Position) -> list[tuple[str, str]]:
    longitude, latitude = position.coordinates[:2]
    found = [("Position", f"{latitude}°, {longitude}°")]
    others = position.model_dump(exclude={"type", "coordinates", "crs"}, exclude_none=True)
    return found + [(_NAMES[name], str(value)) for name, value in others.items()]


_NAMES = {
    "locationAccuracy": "Accuracy (m)",
    "locationSource": "Source of the position",
    "altitude": "Altitude (m)",
    "speed": "Speed (m/s)",
    "deviceOrientation": "Device points to (°)",
    "gpsOrientation": "Moving towards (°)",
}
