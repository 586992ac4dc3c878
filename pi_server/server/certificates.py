"""Looking at the ends of certificates every day, for a server runs longer than some of them."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from hashlib import sha256

from pi_server.domain.alert import Alert
from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import KeyStore, StoreTooNewError
from pi_server.server.beside import beside
from pi_server.server.outbound import Outbound

DAY = 86_400.0
"""Seconds between two looks."""


class Certificates:
    """Those that providers are reached with: what ends soon is told in the log, and by an alert.

    Of all workers that share a store of keys one alerts, once a day for each certificate.
    """

    def __init__(self, outbound: Outbound, keys: KeyStore, alert: Callable[[Alert], None]) -> None:
        """Look at those of ``outbound``; ``keys`` tells whether somebody else has alerted."""
        self._outbound = outbound
        self._keys = keys
        self._alert = alert

    async def look(self) -> None:
        """Tell of everything that ends soon."""
        self._outbound.warn()
        today = datetime.now(UTC)
        for name, standing in self._outbound.standings.items():
            for ending in filter(None, (one.warning(today) for one in standing.certificates)):
                if await self._is_first(f"{today:%Y-%m-%d} {name} {ending}"):
                    self._alert(Alert("certificate_ends", name, ending))

    async def watch(self, every: float = DAY) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.look()

    async def _is_first(self, told: str) -> bool:
        """Whether nobody told it yet; while the store is away everybody does, for twice is better than never."""
        key = f"certificate:{sha256(told.encode()).hexdigest()}"
        with suppress(StoreUnavailable, StoreTooNewError):
            return await self._keys.add(key, b"1", lasting=2 * DAY)
        return True


async def watch_certificates(
    outbound: Outbound, keys: KeyStore, alert: Callable[[Alert], None], opened: AsyncExitStack
) -> None:
    """Look now, and every day until ``opened`` is closed."""
    certificates = Certificates(outbound, keys, alert)
    await certificates.look()
    beside(opened, certificates.watch())
