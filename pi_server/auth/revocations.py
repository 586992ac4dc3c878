"""What is revoked: a view in memory, kept fresh from the key store that all workers share.

Each revocation has a number, drawn from the counter ``revocations``, and stands at ``revocation:<number>`` for as long
as anything it could end lives.  A worker looks at the counter every half second and reads the numbers that are new.

A user's revocation is a moment, and ends what was issued up to it.  This server writes moments of issue with fractions
of a second, so that what is issued right afterwards is good; whole seconds, as other issuers write, are taken for the
beginning of that second, so for the rest of it their new tokens are refused too.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import inf
from typing import Literal

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import KeyStore, StoreTooNewError

STALE = 5.0
"""Seconds after which a view that could not be refreshed is not to be relied on."""

_COUNTER = "revocations"
_BATCH = 200  # numbers read at once
_PATIENCE = 5.0  # seconds a number may be taken before its revocation is written; then its writer has died
_AGAIN_EVERY = 10.0  # seconds between readings of the last numbers: a store that failed over may have used some twice

_log = logging.getLogger("pi_server.auth")


@dataclass(frozen=True, slots=True)
class _Revocation:
    """Of ``id`` of ``kind``, or of everything issued to ``user`` up to ``at``; forgotten ``until``."""

    at: float
    until: float
    kind: str = ""
    id: str = ""
    user: str = ""

    def written(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode("ascii")


class KeyStoreRevocations:
    """The `Revocations` of one worker; others learn of its own within a second, and it of theirs."""

    def __init__(
        self,
        keys: KeyStore,
        *,
        lasting: float,
        when_away: Literal["refuse", "allow"] = "refuse",
        poll: float = 0.5,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``lasting`` is the longest life of anything revocable, ``poll`` the pause between looks, both in seconds."""
        self._keys = keys
        self._lasting = lasting
        self._refuse = when_away == "refuse"
        self._poll = poll
        self._clock = clock
        self._monotonic = monotonic
        self._ended: dict[tuple[str, str], float] = {}  # until when to know of it
        self._users: dict[str, float] = {}  # the moment up to which everything is revoked
        self._seen: int | None = None  # the highest number looked at
        self._awaited: dict[int, float] = {}  # numbers taken and not yet written: how long to look for them
        self._heard = self._read_again = -inf
        self._told = False
        self._failure = "it was not asked"
        self._following: asyncio.Task[None] | None = None
        self._closed = False

    def revoked(self, kind: str, id: str, user: str, issued: float) -> bool:  # noqa: A002
        """Whether it is revoked, as `Revocations` says; two look-ups.

        Raises:
            StoreUnavailable: the view is older than 5 s, and ``when_away`` is ``refuse``.
        """
        if self._monotonic() - self._heard > STALE:
            self._tell_stale()
            if self._refuse:
                raise StoreUnavailable("nobody knows what is revoked")
        return (kind, id) in self._ended or issued <= self._users.get(user, -inf)

    async def revoke(self, kind: str, id: str) -> None:  # noqa: A002
        """End one; `StoreUnavailable` when others may not learn of it."""
        now = self._clock()
        await self._publish(_Revocation(now, now + self._lasting, kind=kind, id=id))

    async def revoke_user(self, user: str) -> None:
        """End everything issued to ``realm/name`` up to now; `StoreUnavailable` when others may not learn of it."""
        now = self._clock()
        await self._publish(_Revocation(now, now + self._lasting, user=user))

    async def start(self) -> None:
        """Read what is revoked, and keep up with it until `close`; a store that is away is asked again and again.

        Raises:
            StoreTooNewError: a later version has written to it.
        """
        try:
            await self.catch_up()
        except StoreTooNewError:
            raise
        except Exception as error:  # noqa: BLE001 - as when it is followed
            self._away(error)
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Follow no longer."""
        self._closed = True  # a driver may make a failure of its own of a cancellation, which then ends nothing
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following

    async def catch_up(self) -> None:
        """Read what has become known since the last time; `StoreUnavailable` when the store cannot say."""
        started = self._monotonic()
        latest = await self._latest()
        if self._seen is None or latest < self._seen:  # the beginning, or the store was emptied
            await self._walk_back(latest)
        else:
            await self._go_on(self._seen, latest, started)
        self._seen = latest
        self._heard = started
        if self._told:
            self._told = False
            _log.info("it is known again what is revoked")

    async def _publish(self, revocation: _Revocation) -> None:
        self._apply(revocation)  # at once here, even if the store is away
        written = revocation.written()
        while not await self._keys.add(_key(await self._keys.increment(_COUNTER)), written, lasting=self._lasting):
            pass  # a store that lost its counter, but not what it counted: an older revocation must stay

    async def _latest(self) -> int:
        return int(await self._keys.get(_COUNTER) or 0)  # a counter is kept as its decimal digits

    async def _walk_back(self, latest: int) -> None:
        """Read everything that still stands, newest first; behind a long run of missing numbers there is nothing."""
        for end in range(latest, 0, -_BATCH):
            numbers = range(max(1, end - _BATCH + 1), end + 1)
            missing = await self._read(numbers)
            if end == latest:
                self._await(missing)
            if len(missing) == len(numbers):
                break

    async def _go_on(self, seen: int, latest: int, now: float) -> None:
        again = now - self._read_again >= _AGAIN_EVERY
        if again:
            self._read_again = now
            self._forget()
        first = max(1, seen + 1 - _BATCH) if again else seen + 1
        missing = await self._read(sorted({*self._awaited, *range(first, latest + 1)}))
        self._awaited = {number: until for number, until in self._awaited.items() if number in missing and now < until}
        self._await(number for number in missing if number > seen)

    def _await(self, numbers: Iterable[int]) -> None:
        until = self._monotonic() + _PATIENCE
        self._awaited.update(dict.fromkeys(numbers, until))

    async def _read(self, numbers: Sequence[int]) -> set[int]:
        """Take in the revocations of these numbers; those there are none of."""
        missing: set[int] = set()
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            for number, text in zip(batch, await self._keys.get_many([_key(number) for number in batch]), strict=True):
                if text is None:
                    missing.add(number)
                else:
                    self._take_in(text)
        return missing

    def _take_in(self, text: bytes) -> None:
        try:
            self._apply(_Revocation(**json.loads(text)))
        except (ValueError, TypeError):
            _log.error("a revocation in the store is not readable; its writer may be of another version")

    def _apply(self, revocation: _Revocation) -> None:
        if revocation.user:
            self._users[revocation.user] = max(revocation.at, self._users.get(revocation.user, -inf))
        else:
            self._ended[revocation.kind, revocation.id] = revocation.until

    def _forget(self) -> None:
        now = self._clock()
        self._ended = {what: until for what, until in self._ended.items() if now < until}
        self._users = {user: at for user, at in self._users.items() if now < at + self._lasting}

    async def _follow(self) -> None:
        while not self._closed:
            await asyncio.sleep(self._poll)
            await self._try_to_catch_up()

    async def _try_to_catch_up(self) -> None:
        try:
            await self.catch_up()
        except Exception as error:  # noqa: BLE001 - whatever a store raises, whoever follows it must go on
            self._away(error)

    def _away(self, error: Exception) -> None:
        self._failure = f"{type(error).__name__}: {error}"
        if self._monotonic() - self._heard > STALE:
            self._tell_stale()

    def _tell_stale(self) -> None:
        """One line in each outage."""
        if not self._told:
            self._told = True
            _log.warning("what is revoked is not known any more, for the key store is away (%s)", self._failure)


def _key(number: int) -> str:
    return f"revocation:{number}"
