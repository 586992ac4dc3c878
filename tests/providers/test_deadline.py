"""The outbound link that bounds an exchange."""

import asyncio

import pytest

from pi_server.domain.call import Call
from pi_server.domain.chain import Chain
from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.exchange import Endpoint, Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireRequest, WireResponse
from pi_server.domain.standing import Standing
from pi_server.providers.deadline import deadline

AT = Endpoint("", "", "")


async def _seen(given: Deadline, timeout: float) -> float:
    """How many seconds the transport is left with."""
    left: list[float] = []

    async def transport(exchange: Exchange) -> WireResponse:
        left.append(exchange.deadline.at - asyncio.get_running_loop().time())
        return WireResponse(200)

    send: Send = Chain(deadline(timeout, Standing(AT))).then(transport)
    await send(Exchange(Call(), AT, WireRequest("GET", "http://x"), given))
    return left[0]


async def test_an_exchange_gets_its_timeout() -> None:
    """Without a deadline of the call the timeout counts."""
    assert await _seen(NEVER, 5) == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize(("of_call", "timeout", "left"), [(2.0, 5.0, 2.0), (9.0, 5.0, 5.0)])
async def test_the_smaller_remainder_counts(of_call: float, timeout: float, left: float) -> None:
    """An exchange ends with its call or with its own timeout, whichever is first."""
    now = asyncio.get_running_loop().time()
    assert await _seen(Deadline(now + of_call), timeout) == pytest.approx(left, abs=0.5)


async def test_a_call_whose_time_is_over_is_not_tried() -> None:
    """Nothing is sent for a consumer that has its timeout fault already."""
    with pytest.raises(ProviderFault) as caught:
        await _seen(Deadline(asyncio.get_running_loop().time()), 5)
    assert caught.value.kind == "timeout"
