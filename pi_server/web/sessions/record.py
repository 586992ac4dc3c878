"""What is known of a session, and the bytes that are sealed or stored of it."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FORM = 1  # of the bytes: a later form gets another number, and what has an unknown one is no session

_ID_BYTES = 18
ID_LENGTH = 24
"""Characters of an id: 144 random bits."""


def new_id() -> str:
    """An id nobody can guess."""
    return secrets.token_urlsafe(_ID_BYTES)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds after which a session nobody uses, and any session, is over."""

    idle: float
    absolute: float


@dataclass(frozen=True, slots=True)
class Record:
    """A session; ``opened`` and ``seen``, when it was last used, are POSIX seconds."""

    id: str
    user: str
    realm: str
    scopes: frozenset[str]
    opened: float
    seen: float
    data: Mapping[str, Any]

    @property
    def owner(self) -> str:
        """The user as revocations name it."""
        return f"{self.realm}/{self.user}"

    def lives(self, now: float, lifetimes: Lifetimes) -> bool:
        """Whether neither its idle nor its absolute lifetime is over."""
        return now - self.seen <= lifetimes.idle and now - self.opened <= lifetimes.absolute

    def encode(self) -> bytes:
        """Compact JSON.

        Raises:
            TypeError: the data holds what JSON cannot.
            ValueError: a number or text of it is none.
        """
        kept = [_FORM, self.id, self.user, self.realm, sorted(self.scopes), self.opened, self.seen, dict(self.data)]
        return json.dumps(kept, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode(plain: bytes) -> Record | None:
    """The record in what this server sealed or stored; None for anything in another form."""
    try:
        form, id_, user, realm, scopes, opened, seen, data = json.loads(plain)
        record = Record(str(id_), str(user), str(realm), frozenset(scopes), float(opened), float(seen), dict(data))
    except (TypeError, ValueError, RecursionError):
        return None
    return record if form == _FORM else None
