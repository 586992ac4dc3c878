"""Certificates that end are told of every day, by one of all workers."""

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from pi_server.config import Config
from pi_server.domain.alert import Alert
from pi_server.domain.certificate import Certificate
from pi_server.domain.exchange import Endpoint
from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.standing import Standing
from pi_server.domain.stores import KeyStore
from pi_server.server.certificates import Certificates
from pi_server.server.outbound import Outbound
from pi_server.server.sandbox.twins import Twins
from pi_server.stores.memory_keys import MemoryKeys


class Away:
    """A store that does not answer."""

    async def add(self, key: str, value: bytes, *, lasting: float | None = None) -> bool:
        """As a store does."""
        raise StoreUnavailable("away")


def _outbound(*days: int) -> Outbound:
    """One provider, with certificates that end in so many days."""
    now = datetime.now(UTC)
    ends = tuple(Certificate("ca", f"authority {day}", now + timedelta(days=day)) for day in days)
    outbound = Outbound(AsyncExitStack(), Twins(Config()))
    outbound.standings["made.bank"] = Standing(Endpoint("https://bank.example", "bank", ""), certificates=ends)
    return outbound


async def test_one_of_all_workers_alerts_once_a_day() -> None:
    """Each certificate by itself; those with time enough not at all."""
    keys, told = MemoryKeys(), list[Alert]()
    workers = [Certificates(_outbound(3, 5, 300), keys, told.append) for _ in range(3)]
    for _ in range(2):
        await asyncio.gather(*(worker.look() for worker in workers))
    assert [(alert.kind, alert.subject) for alert in told] == [("certificate_ends", "made.bank")] * 2
    assert len({alert.reason for alert in told}) == 2


async def test_while_the_store_is_away_everybody_alerts() -> None:
    """Twice is better than never."""
    told = list[Alert]()
    for _ in range(2):
        await Certificates(_outbound(3), cast("KeyStore", Away()), told.append).look()
    assert len(told) == 2


async def test_they_are_looked_at_again(caplog: pytest.LogCaptureFixture) -> None:
    """The log warns each time."""
    caplog.set_level(logging.WARNING)
    watching = asyncio.create_task(Certificates(_outbound(3), MemoryKeys(), lambda _: None).watch(0.01))
    try:
        async with asyncio.timeout(20):
            while len(caplog.records) < 2:
                await asyncio.sleep(0.01)
    finally:
        watching.cancel()
    assert "services.made.bank.ca: the certificate of authority 3 ends on" in caplog.text
