"""Records of service tokens in the document store: one for each name, with its one or two tokens, as digests only.

Creating and rotating replace a record as a whole, at the version that was read, so two operators at once cannot leave
a name with three tokens.  A digest that leaves its record is kept by itself for a year, so that whoever goes on showing
the token is told apart from one who guesses.  When a token was last used stands in a collection of its own: workers
write there, and never touch what an operator changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import TypeAdapter

from pi_server.auth.service_tokens import digest, new_token
from pi_server.domain.faults import DuplicateKey, NotFound, Stale
from pi_server.domain.filters import EVERYTHING, Filter, where
from pi_server.domain.stores import MOST, Document, Documents, Index, Store, Stored

RECORDS, USES = "service_tokens", "service_token_uses"

_KEPT = timedelta(days=366)  # what is left of a token that is good for nothing
_CURRENT = where("past").exists(False)

TokenState = Literal["valid", "expiring", "expired", "revoked"]


class TokenRefusedError(Exception):
    """What was asked of a record cannot be done; the text is one sentence for the operator."""


class TokenChangedError(TokenRefusedError):
    """Somebody else changed the record in the meantime."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One token: its digest in hexadecimal, when it was made, and when it ends, if ever."""

    sha256: str
    created: datetime
    expires: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A named consumer, what it may do, and its tokens; ``older`` is the one that a rotation lets end."""

    name: str
    scopes: tuple[str, ...]
    reach: tuple[str, ...]
    newest: Issued
    older: Issued | None = None
    revoked: datetime | None = None

    @property
    def issued(self) -> tuple[Issued, ...]:
        """Its tokens, newest first."""
        return (self.newest, self.older) if self.older else (self.newest,)

    def valid(self, now: datetime) -> tuple[Issued, ...]:
        """The tokens that are good for something now."""
        return () if self.revoked else tuple(one for one in self.issued if one.valid(now))

    def state(self, one: Issued, now: datetime) -> TokenState:
        """How one of its tokens is: an ``expiring`` one is still good, beside the newest."""
        if self.revoked:
            return "revoked"
        if not one.valid(now):
            return "expired"
        return "expiring" if one is self.older else "valid"


@dataclass(frozen=True, slots=True)
class Rotated:
    """A new token, and until when the one before it is good as well."""

    token: str
    record: TokenRecord
    until: datetime


_RECORD = TypeAdapter(TokenRecord)


def _now() -> datetime:
    return datetime.now(UTC)


class TokenRecords:
    """Makes, changes and finds records.  Every method may raise `StoreUnavailable`."""

    def __init__(self, store: Store, now: Callable[[], datetime] = _now) -> None:
        """``now`` gives the time of day, in UTC."""
        self._records = store.documents(RECORDS)
        self._uses = store.documents(USES)
        self._now = now

    async def create(
        self, name: str, *, scopes: Sequence[str] = (), reach: Sequence[str] = ("*",), expires: datetime | None = None
    ) -> str:
        """A token for ``name``, told this once; a record whose tokens have all ended makes way.

        Raises:
            TokenRefusedError: the name has a valid token.
        """
        token, now = new_token(), self._now()
        record = TokenRecord(name, tuple(scopes), tuple(reach), Issued(digest(token), now, expires))
        await self._records.ensure_indexes(Index("newest.sha256"), Index("older.sha256"))
        try:
            await self._records.insert(_document(record), id=name)
        except DuplicateKey:
            stored, old = await self._read(name)
            if old.valid(now):
                raise TokenRefusedError(f"{name} has a valid token: rotate it, or revoke it first") from None
            await self._replace(stored, record, dropped=old.issued)
        return token

    async def rotate(self, name: str, *, overlap: timedelta, expires: datetime | None = None) -> Rotated:
        """A second token for ``name``; the first one ends after ``overlap``, or earlier if it would have anyway.

        Without ``expires`` the new token lasts as long as the first was made to last.

        Raises:
            TokenRefusedError: the name has no valid token, or two.
        """
        stored, record = await self._read(name)
        now = self._now()
        first, *second = record.valid(now) or (None,)
        if first is None:
            raise TokenRefusedError(f"{name} has no valid token any more: create it again")
        if second:
            raise TokenRefusedError(f"{name} has two valid tokens; {_ending(record)}, then it can be rotated again")
        token = new_token()
        until = min(now + overlap, first.expires or datetime.max.replace(tzinfo=UTC))
        newest = Issued(digest(token), now, expires or _as_long(first, now))
        changed = replace(record, newest=newest, older=replace(first, expires=until))
        await self._replace(stored, changed, dropped=[one for one in record.issued if one is not first])
        return Rotated(token, changed, until)

    async def revoke(self, name: str) -> bool:
        """End all tokens of ``name``; False when they were revoked already.

        Raises:
            TokenRefusedError: there is no such record.
        """
        while True:
            stored, record = await self._read(name)
            if record.revoked is not None:
                return False
            with suppress(TokenChangedError):  # whatever somebody else does to it just now, it ends
                await self._replace(stored, replace(record, revoked=self._now()))
                return True

    async def all(self) -> list[TokenRecord]:
        """Every record, by name."""
        return [_record(stored) for stored in await _every(self._records, _CURRENT)]

    async def by_digest(self, sha256: str) -> TokenRecord | None:
        """The record of a token, also of one that is good no more."""
        found = await self._records.find(where("newest.sha256").eq(sha256) | where("older.sha256").eq(sha256), limit=1)
        return _record(found.items[0]) if found.items else None

    async def uses(self) -> dict[str, datetime]:
        """When tokens were last used, by digest."""
        return {stored.id: stored.document["used"] for stored in await _every(self._uses, EVERYTHING)}

    async def note_use(self, sha256: str, used: datetime) -> None:
        """Keep when a token was used, unless a later use is known; of two workers at once, one need not win."""
        try:
            stored = await self._uses.get(sha256)
            if stored.document["used"] < used:
                await self._uses.replace(sha256, {"used": used}, version=stored.version, expires=used + _KEPT)
        except NotFound:
            await self._note_first(sha256, used)
        except Stale:  # another worker noted as late a use
            return

    async def _note_first(self, sha256: str, used: datetime) -> None:
        try:
            await self._uses.insert({"used": used}, id=sha256, expires=used + _KEPT)
        except DuplicateKey:  # as above
            return

    async def _read(self, name: str) -> tuple[Stored, TokenRecord]:
        try:
            stored = await self._records.get(name)
        except NotFound:
            raise TokenRefusedError(f"there is no record of {name}") from None
        return stored, _record(stored)

    async def _replace(self, stored: Stored, record: TokenRecord, dropped: Iterable[Issued] = ()) -> None:
        """Change a record; the ``dropped`` tokens are kept apart first, so that none is ever unknown."""
        old = _record(stored)
        for one in dropped:
            past = {**_document(replace(old, newest=one, older=None)), "past": True}
            with suppress(DuplicateKey):  # whoever changes the record at the same time keeps it, too
                await self._records.insert(past, id=one.sha256, expires=self._now() + _KEPT)
        try:
            await self._records.replace(stored.id, _document(record), version=stored.version)
        except (Stale, NotFound):
            raise TokenChangedError(f"{stored.id} was changed by somebody else just now: look, and try again") from None


def _as_long(first: Issued, now: datetime) -> datetime | None:
    return now + (first.expires - first.created) if first.expires else None


def _ending(record: TokenRecord) -> str:
    ends = record.older.expires if record.older else None
    return f"the older one ends at {ends:%Y-%m-%dT%H:%M:%SZ}" if ends else "one has to end"


def _record(stored: Stored) -> TokenRecord:
    return _RECORD.validate_python(stored.document)


def _document(record: TokenRecord) -> Document:
    return {**asdict(record), "scopes": list(record.scopes), "reach": list(record.reach)}


async def _every(documents: Documents, which: Filter) -> list[Stored]:
    found = await documents.find(which, limit=MOST)
    items = list(found.items)
    while found.next is not None:
        found = await documents.find(which, limit=MOST, after=found.next)
        items += found.items
    return items
