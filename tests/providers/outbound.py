"""Exchanges for the tests of the outbound links, and a provider that does as it is told in virtual time."""

import asyncio
from collections.abc import Iterable

from pi_server.domain.call import Call
from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.faults import ProviderFailure, ProviderFault
from pi_server.domain.message import WireRequest, WireResponse
from pi_server.domain.standing import Standing
from pi_server.providers.tries import Outcome

BANK = Endpoint("http://bank.example", "bank", "core bank")
OK = WireResponse(200)
UNAVAILABLE = WireResponse(503)
AGAIN = frozenset({429, 503})


def standing() -> Standing:
    """The bank's, at its beginning."""
    return Standing(BANK)


def exchange(*, repeatable: bool = False, deadline: Deadline = NEVER, call: Call | None = None) -> Exchange:
    """A request on its way to the bank."""
    request = WireRequest("POST", f"{BANK.address}/ws", (), b"{}")
    return Exchange(call or Call(), BANK, request, deadline, repeatable)


def fault(kind: ProviderFailure = "unreachable", *, sent: bool = True) -> ProviderFault:
    """What the transport raises."""
    return ProviderFault(kind, "made up", sent=sent)


class Told:
    """A transport that does what it is told, one outcome for each try, and remembers when it was asked."""

    def __init__(self, outcomes: Iterable[Outcome], takes: float = 0.0) -> None:
        """Give ``outcomes`` in this order, each after so many seconds, and then answer well."""
        self._outcomes = list(outcomes)
        self._takes = takes
        self.times: list[float] = []
        self.asked: list[Exchange] = []
        self.given: list[Outcome] = []

    async def send(self, asked: Exchange) -> WireResponse:
        """One try, which does not outlast its deadline."""
        loop = asyncio.get_running_loop()
        self.times.append(loop.time())
        self.asked.append(asked)
        outcome = self._outcomes[len(self.given)] if len(self.given) < len(self._outcomes) else OK
        if asked.deadline.passed(loop.time() + self._takes):
            outcome = fault("timeout")
        self.given.append(outcome)
        await asyncio.sleep(min(self._takes, asked.deadline.at - loop.time()))
        if isinstance(outcome, ProviderFault):
            raise outcome
        return outcome
