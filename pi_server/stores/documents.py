"""What every keeper of documents agrees on: which values can be kept, and what they look like as JSON."""

import json
import re
from datetime import UTC, datetime, timedelta
from math import isfinite
from secrets import token_hex
from typing import Any, TypeAlias, cast

from pi_server.domain.faults import Detail, Unstorable
from pi_server.domain.filters import Scalar, field_path
from pi_server.domain.stores import Document, Index

LARGEST = 1 << 20  # bytes of a document as JSON
DEEPEST = 32  # objects and lists inside each other, the document itself being the first
LONGEST_ID = 512  # characters

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_NAME_UNKEPT = re.compile(r"\$|.*[.\0\ud800-\udfff]", re.DOTALL)
_COLLECTION = re.compile(r"(?!system\.|pi_server\.)[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*", re.ASCII)
_STEP = 1 << 31

_At: TypeAlias = tuple[Any, str] | None  # the way down to a value, made text only for a fault: names may be long


def collection_name(name: str) -> str:
    """``name``, if every store can have a collection of that name; ValueError otherwise."""
    if len(name) > 100 or not _COLLECTION.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a collection")
    return name


def new_id() -> str:
    """128 random bits."""
    return token_hex(16)


def checked_id(given: str | None) -> str:
    """The id of a new document; `Unstorable` if none could be found by it."""
    if given is None:
        return new_id()
    if not 0 < len(given) <= LONGEST_ID or _UNKEPT.search(given):
        raise _unstorable("an id is a text of 1 to 512 characters", (None, "id"))
    return given


def possible_id(given: str) -> bool:
    """Whether a document could have this id at all: what a driver cannot send need not be looked for."""
    return not _UNKEPT.search(given)


def possible_version(given: int) -> int:
    """A version some document could have, or 0, which is none's: a number may be more than a driver can send."""
    return given if 0 < given < (1 << 63) - 1 else 0


def checked_step(by: int) -> int:
    """What a counter grows by, far from what would carry it beyond 64 bits."""
    if abs(by) > _STEP:
        raise ValueError("a counter grows by at most 2^31 at once")
    return by


def checked(document: Document) -> tuple[Document, str]:
    """A copy in which times are UTC milliseconds and nothing is shared, and the same as JSON.

    Raises:
        Unstorable: `Fault.details` says where, and why.
    """
    kept = cast("Document", _checked(document, 1, None))
    text = encode(kept)
    if len(text) > LARGEST or len(text.encode()) > LARGEST:
        raise _unstorable(f"the document is larger than {LARGEST} bytes", None)
    return kept, text


def checked_expiry(expires: datetime | None) -> datetime | None:
    """The moment in UTC milliseconds."""
    try:
        return None if expires is None else to_utc(expires)
    except ValueError as error:
        raise _unstorable(str(error), (None, "expires")) from None


def checked_index(index: Index) -> Index:
    """The index itself; ValueError if it has no fields, or one that is no path."""
    if not index.fields:
        raise ValueError("an index has at least one field")
    for field in index.fields:
        field_path(field)
    return index


def scalar(value: object) -> Scalar:
    """A plain value as every store keeps it.

    Raises:
        TypeError: it is no plain value.
        ValueError: it is one that some store could not keep.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        return to_utc(value)
    raise TypeError(f"{type(value).__name__} is neither JSON nor a time")


def to_utc(moment: datetime) -> datetime:
    """The same moment in UTC, cut to the millisecond; ValueError where that means nothing."""
    if moment.utcoffset() is None:
        raise ValueError("a time without a zone")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def iso(moment: datetime) -> str:
    """Of fixed width, so that the order of texts is the order of times."""
    return moment.isoformat(timespec="milliseconds")


def value_at(document: Document, field: str) -> Any:
    """What stands at a dotted path; None where nothing does."""
    value: Any = document
    for name in field.split("."):
        if not isinstance(value, dict):
            return None
        value = cast("Document", value).get(name)
    return value


def encode(value: object) -> str:
    """As JSON; a time is ``{"$date": ...}``, which no document can hold otherwise."""
    return _ENCODER.encode(value)


def decode(text: str | bytes) -> Any:
    """What was encoded."""
    return json.loads(text, object_hook=_undated)


def _dated(value: datetime) -> dict[str, str]:
    return {"$date": iso(value)}


def _undated(value: Document) -> Any:
    return datetime.fromisoformat(value["$date"]) if "$date" in value else value


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"), default=_dated
)


def _checked(value: Any, depth: int, at: _At) -> Any:
    if isinstance(value, dict | list | tuple):
        if depth > DEEPEST:
            raise _unstorable(f"more than {DEEPEST} objects and lists inside each other", None)
        return _container(value, depth + 1, at)  # pyright: ignore[reportUnknownArgumentType] - mypy sees Any in it
    try:
        return scalar(value)
    except (TypeError, ValueError) as error:
        raise _unstorable(str(error), at) from None


def _container(value: dict[Any, Any] | list[Any] | tuple[Any, ...], depth: int, at: _At) -> Any:
    if isinstance(value, dict):
        return {_name(name, at): _checked(item, depth, (at, name)) for name, item in value.items()}
    return [_checked(item, depth, (at, str(place))) for place, item in enumerate(value)]


def _name(name: object, at: _At) -> str:
    if not isinstance(name, str) or _NAME_UNKEPT.match(name):
        raise _unstorable("a name is a text without a dot, a NUL or a $ in front", at)
    return str.__str__(name)


def _text(value: str) -> str:
    if _UNKEPT.search(value):
        raise ValueError("a text with a NUL or half a character")
    return str.__str__(value)  # of an enumeration's member, its value


def _number(value: float) -> float:
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise ValueError("a whole number of more than 64 bits")
        return int(value)
    if not isfinite(value):
        raise ValueError("not a finite number")
    return float(value)


def _unstorable(reason: str, at: _At) -> Unstorable:
    path: list[str] = []
    while at:
        at, name = at
        path.append(name)
    return Unstorable(details=(Detail(".".join(reversed(path)), reason),))
