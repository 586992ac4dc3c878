"""One worker's view of service tokens over a real store that can be taken away, with a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pydantic import SecretStr

from pi_server.auth.recorded_tokens import RecordedTokens
from pi_server.auth.service_tokens import ServiceTokens, digest
from pi_server.auth.token_records import RECORDS, USES, TokenRecords
from pi_server.config import TokenSection
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import StoreUnavailable, Unauthenticated
from pi_server.domain.stores import Documents, Store
from pi_server.testing.fake_clock import FakeClock

CONFIGURED = "a token of the configuration"


@dataclass
class Switch:
    """A store behind a switch, which counts the readings.

    With ``away`` nothing answers, with ``gate`` cleared all hangs, and methods that are ``broken`` fail.
    """

    store: Store
    away: bool = False
    broken: frozenset[str] = frozenset()
    readings: int = 0
    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Answer at first."""
        self.gate.set()

    def documents(self, name: str) -> Documents:
        """The collection, through the switch."""
        return cast("Documents", _Switched(self, self.store.documents(name)))

    @property
    def switched(self) -> Store:
        """The store as whoever is behind the switch sees it: its documents only."""
        return cast("Store", self)


class _Switched:
    def __init__(self, switch: Switch, documents: Documents) -> None:
        self._switch = switch
        self._documents = documents

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._documents, name)

        async def ask(*given: Any, **named: Any) -> Any:
            self._switch.asked += 1
            self._switch.readings += name == "find"
            await self._switch.gate.wait()
            if self._switch.away or name in self._switch.broken:
                raise StoreUnavailable("the test took it away")
            return await method(*given, **named)

        return ask


def section(token: str, **more: Any) -> TokenSection:
    """What the configuration holds of a token."""
    return TokenSection(sha256=SecretStr(digest(token)), **more)


class Scene:
    """An operator and a worker at one store."""

    def __init__(self, store: Store, configured: Mapping[str, TokenSection] | None = None) -> None:
        """The clock begins with the time of day, as the store has its own idea of that."""
        self.clock = FakeClock(datetime.now(UTC))
        self.switch = Switch(store)
        self.operator = TokenRecords(store, self.clock.now)
        self.records = store.documents(RECORDS)
        self.use_documents = store.documents(USES)
        named = {"shop": section(CONFIGURED)} if configured is None else configured
        self.recorded = RecordedTokens(
            TokenRecords(self.switch.switched, self.clock.now), named, clock=self.clock, wall=self.clock.wall
        )
        self.tokens = ServiceTokens(named, self.recorded.identify, wall=self.clock.wall)

    async def identify(self, token: str) -> Consumer:
        """As the link does it."""
        found = self.tokens.identify(token)
        return found if isinstance(found, Consumer) else await found

    def at_once(self, token: str) -> bool:
        """Whether the consumer is known without waiting."""
        found: Consumer | Awaitable[Consumer] = self.tokens.identify(token)
        if isinstance(found, Consumer):
            return True
        found.close()  # type: ignore[attr-defined]  # it is a coroutine, and is not to be awaited
        return False

    async def reason(self, token: str) -> str:
        """Why a token is refused, of which the consumer is told nothing."""
        with pytest.raises(Unauthenticated) as refused:
            await self.identify(token)
        fault = refused.value
        assert (fault.code, fault.status, fault.message, fault.details, fault.headers) == _PLAIN
        return fault.reason


_PLAIN: tuple[object, ...] = (Unauthenticated.code, Unauthenticated.status, Unauthenticated.message, (), {})
