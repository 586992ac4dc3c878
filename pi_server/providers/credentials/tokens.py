"""One token for all calls of a provider: asked for once, and renewed before it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pydantic import SecretStr

from pi_server.domain.call import Call
from pi_server.domain.exchange import Exchange
from pi_server.domain.faults import ProviderFault, Refused
from pi_server.domain.watch import Watch

DUE, END = 0.8, 0.95
"""The parts of a token's life after which it is renewed while it still serves, and after which it serves no more."""

PAUSE = 1.0
"""Seconds between a failure, or a token that was refused, and the next time the endpoint is asked: a flood of calls
must not lock the client out."""


class Grant(NamedTuple):
    """A token, and for how many seconds it is good."""

    token: SecretStr
    life: float


class _Held(NamedTuple):
    token: SecretStr
    asked: float
    due: float
    end: float


class Tokens:
    """Holds the token; however many calls want one, the endpoint is asked once at a time."""

    def __init__(self, ask: Callable[[Call], Awaitable[Grant]], clock: Callable[[], float] | None = None) -> None:
        """Get tokens with ``ask``, which raises `ProviderFault`; needs a running loop."""
        self._ask = ask
        self._watch = Watch()
        self._now = clock or self._watch.now
        self._held: _Held | None = None
        self._asking: asyncio.Task[SecretStr] | None = None
        self._failed: tuple[float, ProviderFault] | None = None

    async def get(self, exchange: Exchange) -> SecretStr:
        """A token for ``exchange``, waited for no longer than its deadline.

        Raises:
            ProviderFault: the endpoint gave none (as it failed), or not in time.
        """
        now, held = self._now(), self._held
        if held is not None and now < held.due:
            return held.token
        if held is not None and now < held.end:
            if not self._failed or now >= self._failed[0]:
                self._renewal(exchange.call)  # nobody waits for it
            return held.token
        if self._failed and now < self._failed[0]:
            raise _unsent(self._failed[1])
        return await self._waited(exchange)

    def refused(self, token: SecretStr) -> bool:
        """Hear that a provider refused ``token``; whether there will be another one at once."""
        held = self._held
        if held is None or held.token is not token:
            return True
        if self._now() < held.asked + PAUSE:
            return False  # it is as good as any: something else is wrong
        self._held = None
        return True

    async def close(self) -> None:
        """Give up asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _waited(self, exchange: Exchange) -> SecretStr:
        asking = asyncio.shield(self._renewal(exchange.call))  # it serves others, too
        try:
            with self._watch.until(exchange.deadline):
                return await asking
        except TimeoutError:
            raise Refused("timeout", "there was no token before the deadline") from None
        except ProviderFault as fault:
            raise _unsent(fault) from fault

    def _renewal(self, call: Call) -> asyncio.Task[SecretStr]:
        if self._asking is None:
            self._asking = self._watch.loop.create_task(self._renewed(call))
            self._asking.add_done_callback(self._ended)
        return self._asking

    async def _renewed(self, call: Call) -> SecretStr:
        asked = self._now()
        token, life = await self._ask(call)
        self._held = _Held(token, asked, asked + DUE * life, asked + END * life)
        return token

    def _ended(self, asking: asyncio.Task[SecretStr]) -> None:
        self._asking = None
        error = None if asking.cancelled() else asking.exception()
        self._failed = (self._now() + PAUSE, error) if isinstance(error, ProviderFault) else None


def _unsent(fault: ProviderFault) -> ProviderFault:
    """What a failure to get a token is for an exchange that needs one: none of its own bytes have left."""
    return ProviderFault(fault.kind, fault.reason, sent=False)
