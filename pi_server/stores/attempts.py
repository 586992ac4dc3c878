"""Counts failures in a key store, so that all workers and servers grant what one may grant, and no more."""

import logging
from hashlib import blake2b

from pi_server.domain.attempts import MONTH, Allowance
from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import KeyStore
from pi_server.stores.key_rules import added
from pi_server.stores.rate_counters import Rate, Window

_log = logging.getLogger("pi_server.attempts")


class CountedAttempts:
    """`Attempts` of one kind.

    An attempt is counted before it is made: of a hundred that are made at once, the store grants exactly as many as
    one after the other.  Keys are kept as digests, for they may be names of people.
    """

    def __init__(self, keys: KeyStore, kind: str, allowance: Allowance, *, workers: int = 1) -> None:
        """Count in ``keys``; while it is away, alone as one of ``workers``."""
        self._keys = keys
        self._kind = kind
        self._allowance = allowance
        self._alone = Window(Rate(allowance.most, max(1, round(allowance.within))).share(workers))
        self._told = False

    async def begin(self, key: str) -> bool:
        """Count one more."""
        name = self._name(key)
        try:
            paused = await self._keys.get(f"{name}:pause") is not None
            count = 0 if paused else await self._keys.increment(f"{name}:count", lasting=self._allowance.within)
        except StoreUnavailable as error:
            self._tell_away(error)
            return not self._alone.count(name)
        self._tell_back()
        return not paused and count <= self._allowance.most

    async def failed(self, key: str) -> None:
        """Begin a pause if this was the last one; of several that find that out at once, one begins it."""
        name = self._name(key)
        try:
            if added(await self._keys.get(f"{name}:count"), 0) < self._allowance.most:
                return
            if not await self._keys.add(f"{name}:pause", b"1", lasting=self._allowance.within):
                return
            times = await self._keys.increment(f"{name}:pauses", lasting=MONTH)
            await self._keys.put(f"{name}:pause", b"%d" % times, lasting=self._allowance.pause(times))
        except StoreUnavailable as error:
            self._tell_away(error)

    async def withdraw(self, key: str) -> None:
        """Count one less; of a count that is over already, nothing is left to take it from."""
        name = f"{self._name(key)}:count"
        try:
            if await self._keys.get(name) is not None:
                await self._keys.increment(name, -1, lasting=self._allowance.within)
        except StoreUnavailable as error:
            self._tell_away(error)

    async def forget(self, key: str) -> None:
        """Begin anew."""
        try:
            for part in ("pause", "count", "pauses"):
                await self._keys.delete(f"{self._name(key)}:{part}")
        except StoreUnavailable as error:
            self._tell_away(error)

    def _name(self, key: str) -> str:
        return f"attempts:{self._kind}:{blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"

    def _tell_away(self, error: StoreUnavailable) -> None:
        """One line in each outage."""
        if not self._told:
            self._told = True
            _log.warning("%s: each worker counts alone, for the key store is away (%s)", self._kind, error.reason)

    def _tell_back(self) -> None:
        if self._told:
            self._told = False
            _log.warning("%s: all workers count together again", self._kind)
