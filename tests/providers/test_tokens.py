"""One token for all calls: when it is asked for, renewed, given up and not asked for again."""

import asyncio

import pytest
from pydantic import SecretStr

from pi_server.domain.call import Call
from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireRequest
from pi_server.providers.credentials.tokens import PAUSE, Grant, Tokens
from pi_server.testing import FakeClock


class Issuer:
    """Gives numbered tokens of a hundred seconds, or fails; lets itself be held up."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self.asked = 0
        self.fault: ProviderFault | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, call: Call) -> Grant:
        """Answer once it is open."""
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if self.fault:
            raise self.fault
        return Grant(SecretStr(f"token {number}"), 100.0)


def _exchange(deadline: Deadline = NEVER) -> Exchange:
    return Exchange(Call(), Endpoint("", "", ""), WireRequest("GET", ""), deadline)


async def _got(tokens: Tokens, exchange: Exchange | None = None) -> str:
    return (await tokens.get(exchange or _exchange())).get_secret_value()


async def test_a_hundred_calls_at_once_ask_once() -> None:
    """Whoever comes while the endpoint is asked waits for the same answer; later calls find the token."""
    issuer = Issuer()
    tokens = Tokens(issuer, FakeClock())
    assert set(await asyncio.gather(*(_got(tokens) for _ in range(100)))) == {"token 1"}
    assert await _got(tokens) == "token 1"
    assert issuer.asked == 1


async def test_a_token_is_renewed_while_it_still_serves() -> None:
    """After four fifths of its life nobody waits: the old one is given out until the new one is there."""
    issuer, clock = Issuer(), FakeClock()
    tokens = Tokens(issuer, clock)
    await _got(tokens)
    clock.advance(79)
    assert await _got(tokens) == "token 1"
    assert issuer.asked == 1
    clock.advance(2)
    issuer.open.clear()
    assert [await _got(tokens) for _ in range(3)] == ["token 1"] * 3
    issuer.open.set()
    await asyncio.sleep(0.01)
    assert await _got(tokens) == "token 2"
    assert issuer.asked == 2


async def test_no_access_is_used_up_to_its_last_moment() -> None:
    """After nineteen twentieths of its life it is not given out any more."""
    issuer, clock = Issuer(), FakeClock()
    tokens = Tokens(issuer, clock)
    await _got(tokens)
    clock.advance(95)
    assert await _got(tokens) == "token 2"


async def test_a_renewal_that_fails_costs_nothing_while_the_token_serves() -> None:
    """The old token is given out, and the endpoint asked again only after the pause."""
    issuer, clock = Issuer(), FakeClock()
    tokens = Tokens(issuer, clock)
    await _got(tokens)
    issuer.fault = ProviderFault("unreachable", "away")
    clock.advance(81)
    for _ in range(5):
        assert await _got(tokens) == "token 1"
        await asyncio.sleep(0.01)
    assert issuer.asked == 2
    clock.advance(PAUSE)
    await _got(tokens)
    await asyncio.sleep(0.01)
    assert issuer.asked == 3
    clock.advance(95)
    with pytest.raises(ProviderFault, match="away"):
        await _got(tokens)


async def test_a_failure_is_everybodys_and_is_remembered_for_a_moment() -> None:
    """All who wait get the fault, those of the next second too; then the endpoint is asked again."""
    issuer, clock = Issuer(), FakeClock()
    tokens = Tokens(issuer, clock)
    issuer.fault = ProviderFault("no_access", "HTTP 401 invalid_client")
    outcomes = await asyncio.gather(*(_got(tokens) for _ in range(10)), return_exceptions=True)
    assert {str(outcome) for outcome in outcomes} == {"no_access: HTTP 401 invalid_client"}
    with pytest.raises(ProviderFault, match="invalid_client"):
        await _got(tokens)
    assert issuer.asked == 1
    clock.advance(PAUSE)
    issuer.fault = None
    assert await _got(tokens) == "token 2"


async def test_nobody_waits_beyond_its_deadline_and_who_leaves_takes_nothing_away() -> None:
    """A call whose time is over, or that is given up, leaves the question to the others."""
    issuer = Issuer()
    issuer.open.clear()
    tokens = Tokens(issuer)
    soon = Deadline(asyncio.get_running_loop().time() + 0.05)
    hurried, given_up, patient = (
        asyncio.create_task(_got(tokens, exchange)) for exchange in (_exchange(soon), _exchange(), _exchange())
    )
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(ProviderFault, match="timeout: there was no token before the deadline"):
        await hurried
    issuer.open.set()
    assert await patient == "token 1"
    assert given_up.cancelled()
    assert issuer.asked == 1


async def test_a_refused_token_is_forgotten_unless_it_is_new() -> None:
    """An old one makes room for another; a new one does not, for a provider that refuses that refuses all."""
    issuer, clock = Issuer(), FakeClock()
    tokens = Tokens(issuer, clock)
    first = await tokens.get(_exchange())
    assert not tokens.refused(first)
    assert await _got(tokens) == "token 1"
    clock.advance(PAUSE)
    assert tokens.refused(first)
    assert await _got(tokens) == "token 2"
    assert tokens.refused(first)  # told late: there is another already
    assert await _got(tokens) == "token 2"


async def test_closing_gives_up_asking() -> None:
    """What waits for an endpoint that never answers is let go."""
    issuer = Issuer()
    issuer.open.clear()
    tokens = Tokens(issuer)
    waiting = asyncio.create_task(_got(tokens))
    await asyncio.sleep(0)
    await tokens.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await tokens.close()
