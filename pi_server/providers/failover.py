"""Several endpoints of one provider: the next one is asked where the one before could not be."""

import asyncio
from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from pi_server.domain.exchange import Endpoint, Exchange, Send
from pi_server.domain.faults import ProviderFault, Refused
from pi_server.domain.message import WireResponse
from pi_server.domain.standing import Standing
from pi_server.providers.tries import Outcome, answer_of, may_follow, outcome_of, told


class Place(NamedTuple):
    """One endpoint: the address that requests begin with there, and the chain that leads to it."""

    address: str
    endpoint: Endpoint
    send: Send


class Failover:
    """Stays with the endpoint that answered last, and goes on to the next, in their order, where `may_follow` allows.

    An open breaker leads on, too.  A full queue or a quota does not: all endpoints share them.
    """

    def __init__(self, places: Sequence[Place], statuses: frozenset[int], standing: Standing) -> None:
        """Begin with the first; needs a running loop."""
        self._places = tuple(places)
        self._home = len(places[0].address)
        self._statuses = statuses
        self._standing = standing
        self._at = 0
        self._now = asyncio.get_running_loop().time

    async def send(self, exchange: Exchange) -> WireResponse:
        """The answer of the first endpoint that gives one.

        Raises:
            ProviderFault: of the last endpoint that was tried, or that of all breakers which soonest may let out.
        """
        at = self._at
        counts = outcome = await self._ask(exchange, at)
        for _ in self._places[1:]:
            if not self._leads_on(exchange, outcome):
                break
            at = (at + 1) % len(self._places)
            self._standing.failovers += 1
            reason = f"on to {self._places[at].address}, after {told(outcome)}"
            self._standing.decide("failover", reason, exchange.call.correlation_id)
            outcome = await self._ask(exchange.again(self._now()), at)
            counts = _of_two(counts, outcome)
        if not isinstance(outcome, ProviderFault) and not self._leads_on(exchange, outcome):
            self._at = at
        return answer_of(counts)

    def _leads_on(self, exchange: Exchange, outcome: Outcome) -> bool:
        if isinstance(outcome, Refused):
            return outcome.kind == "breaker_open"
        return may_follow(exchange, outcome, self._statuses) and not exchange.deadline.passed(self._now())

    async def _ask(self, exchange: Exchange, at: int) -> Outcome:
        """Have one endpoint try; requests are written for the first."""
        place, request = self._places[at], exchange.request
        if at:
            request = request._replace(url=place.address + request.url[self._home :])
            exchange = exchange._replace(endpoint=place.endpoint, request=request)
        return await outcome_of(place.send, exchange)


def _of_two(before: Outcome, now: Outcome) -> Outcome:
    """Which of two outcomes counts: the later, but no refusal after a try; of open breakers that which probes first."""
    if not isinstance(now, Refused):
        return now
    if not isinstance(before, Refused):
        return before
    return before if now.kind == "breaker_open" and _opens(before) < _opens(now) else now


def _opens(breaker: Refused) -> float:
    """In how many seconds a breaker lets a probe out, if it ever does by itself."""
    return inf if breaker.retry_after is None else breaker.retry_after
