"""What a worker knows of the recorded tokens: never older than a second, and asked of the store only that often.

While the store is away the tokens known here stay good for a minute, and of the others nobody can tell whose they are.

When a token was last used is known by the reading: a token in use is read again every second.  It is written down
after a reading, at most once a minute, so what the store tells may be up to `NOTED` seconds too early, and is never
too late.  If the store is away just then, the next reading makes up for it.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any

from pi_server.auth.service_tokens import UNKNOWN, Held, Refused, Verdict, consumer_of
from pi_server.auth.token_records import TokenRecord, TokenRecords
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import StoreUnavailable, Unauthenticated

HOLD = 1.0
"""Seconds for which what was read holds: so late a revocation may come to a worker."""

GRACE = 60.0
"""Seconds since the last reading for which a token stays good while the store is away."""

NOTED = 60.0
"""Seconds between two notes of a token's use by one worker."""

MOST_KNOWN, MOST_UNKNOWN = 10_000, 1_000
"""Tokens remembered; the ones read longest ago make way."""

_log = logging.getLogger("pi_server.tokens")


@dataclass(frozen=True, slots=True)
class _Away:
    """A token of which nobody can tell whose it is."""

    reason: str

    def consumer_at(self, _: float, /) -> Consumer:
        raise StoreUnavailable(self.reason)


@dataclass(slots=True)
class _Known:
    """A token that a record has, and how old the news of it is."""

    verdict: Verdict
    read: float  # on the monotonic clock, as all but ``noted``
    until: float
    noted: float = -inf  # POSIX seconds


class RecordedTokens:
    """Finds consumers by the digest of their token, for one event loop."""

    def __init__(
        self,
        records: TokenRecords,
        configured: Collection[str] = (),
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``configured`` are the names the configuration has tokens for: records of the same name do not count."""
        self._records = records
        self._configured = frozenset(configured)
        self._clock, self._wall = clock, wall
        self._known: dict[bytes, _Known] = {}
        self._unknown: dict[bytes, float] = {}
        self._ask_again: float | None = None  # when the store is away: for what is not known here
        self._reading: dict[bytes, asyncio.Task[Verdict]] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Tell the log once which records the configuration shadows; a store that is away does not matter here."""
        now = datetime.fromtimestamp(self._wall(), UTC)
        try:
            records = await self._records.all()
        except StoreUnavailable as fault:
            _log.warning("the recorded service tokens cannot be read yet: %s", fault.reason)
            return
        for record in records:
            if record.name in self._configured and record.valid(now):
                _log.warning("tokens.%s shadows the recorded token of that name, which is refused", record.name)

    async def close(self) -> None:
        """Let what is being read and written end; before the store is closed."""
        await asyncio.gather(*self._reading.values(), *self._noting, return_exceptions=True)

    def identify(self, shown: bytes) -> Consumer | Awaitable[Consumer]:
        """Whose token has this SHA-256, at once if it was read within `HOLD` seconds.

        Raises:
            Unauthenticated: nobody's, or it has ended; the reason tells which.
            StoreUnavailable: the store is away, and nothing is known of the token for `GRACE` seconds.
        """
        now = self._clock()
        known = self._known.get(shown)
        if known is not None:
            if now < known.until:
                return known.verdict.consumer_at(self._wall())
            if self._ask_again is not None and now < known.read + GRACE:
                self._read(shown)  # behind: a store that hangs must not hold up every call
                return known.verdict.consumer_at(self._wall())
        elif now < self._unknown.get(shown, -inf):
            raise Unauthenticated(reason=UNKNOWN)
        if self._ask_again is not None and now < self._ask_again:
            raise StoreUnavailable("it did not answer for a service token a moment ago")
        return self._asked(shown)

    async def _asked(self, shown: bytes) -> Consumer:
        verdict = await asyncio.shield(self._read(shown))  # others may wait for the same reading
        return verdict.consumer_at(self._wall())

    def _read(self, shown: bytes) -> asyncio.Task[Verdict]:
        """The reading of one token, which all who wait for it share."""
        reading = self._reading.get(shown)
        if reading is None:
            reading = self._reading[shown] = asyncio.create_task(self._ask_store(shown))
            reading.add_done_callback(lambda _: self._reading.pop(shown, None))
        return reading

    async def _ask_store(self, shown: bytes) -> Verdict:
        began = self._clock()
        try:
            record = await self._records.by_digest(shown.hex())
        except StoreUnavailable as fault:
            return self._without_store(shown, fault.reason)
        self._ask_again = None
        before = self._known.pop(shown, None)
        if record is None:
            _put(self._unknown, shown, began + HOLD, MOST_UNKNOWN)
            return Refused(UNKNOWN)
        known = _Known(self._verdict(record, shown), began, began + HOLD, before.noted if before else -inf)
        _put(self._known, shown, known, MOST_KNOWN)
        self._note(shown, known)
        return known.verdict

    def _without_store(self, shown: bytes, reason: str) -> Verdict:
        now = self._clock()
        self._ask_again = now + HOLD
        known = self._known.get(shown)
        if known is None or now >= known.read + GRACE:
            return _Away(reason)
        known.until = min(now + HOLD, known.read + GRACE)
        return known.verdict

    def _verdict(self, record: TokenRecord, shown: bytes) -> Verdict:
        if record.name in self._configured:
            return Refused(f"the recorded service token of {record.name}, which tokens.{record.name} shadows")
        if record.revoked is not None:
            return Refused(f"a revoked service token of {record.name}")
        for one in record.issued:
            if hmac.compare_digest(bytes.fromhex(one.sha256), shown):
                ends = one.expires.timestamp() if one.expires else inf
                return Held(consumer_of(record.name, record.scopes, record.reach), ends)
        return Refused(UNKNOWN)

    def _note(self, shown: bytes, known: _Known) -> None:
        now = self._wall()
        if not isinstance(known.verdict, Held) or now >= known.verdict.ends or now < known.noted + NOTED:
            return
        known.noted = now
        noting = asyncio.create_task(self._write_use(shown, now))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    async def _write_use(self, shown: bytes, now: float) -> None:
        try:
            await self._records.note_use(shown.hex(), datetime.fromtimestamp(now, UTC))
        except StoreUnavailable:
            if known := self._known.get(shown):
                known.noted = -inf


def _put(kept: dict[bytes, Any], shown: bytes, value: object, most: int) -> None:
    """Keep at most so many, the latest last."""
    kept.pop(shown, None)
    while len(kept) >= most:
        del kept[next(iter(kept))]
    kept[shown] = value
