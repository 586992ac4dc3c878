"""What the counting link tells of a provider."""

import asyncio

import pytest

from pi_server.domain.deadline import Deadline
from pi_server.domain.message import WireResponse
from pi_server.domain.standing import Standing
from pi_server.providers.count import count
from pi_server.providers.tries import Outcome, outcome_of
from tests.parts.virtual_time import run
from tests.providers.outbound import OK, Told, exchange, fault, standing


@pytest.mark.parametrize(
    ("outcome", "failed"),
    [
        (OK, ""),
        (WireResponse(404), ""),
        (WireResponse(500), ""),
        (WireResponse(503), "status 503"),
        (fault("unreachable"), "unreachable"),
        (fault("too_large"), "too_large"),
    ],
)
def test_each_exchange_is_counted_and_measured(outcome: Outcome, failed: str) -> None:
    """Once, with its time; a failure with its name. 500 is also how SOAP refuses."""

    async def go() -> Standing:
        state = standing()
        await outcome_of(count(state)(Told([outcome], takes=0.5).send), exchange())
        return state

    state = run(go())
    assert (state.exchanges, state.in_flight) == (1, 0)
    assert list(state.latencies) == pytest.approx([0.5])
    assert (state.failed, state.last_fault.what if state.last_fault else "") == (bool(failed), failed)


@pytest.mark.parametrize(("left", "failed"), [(9.0, 0), (1.0, 1)])
def test_a_cancelled_exchange_failed_only_if_its_time_was_over(left: float, failed: int) -> None:
    """A consumer that went away says nothing of the provider."""

    async def go() -> Standing:
        state, provider = standing(), Told([], takes=5)
        asked = asyncio.ensure_future(count(state)(provider.send)(exchange(deadline=Deadline(left))))
        await asyncio.sleep(0.5)
        assert state.in_flight == 1
        asyncio.get_running_loop().call_at(1.0, asked.cancel)
        await asyncio.gather(asked, return_exceptions=True)
        return state

    state = run(go())
    assert (state.failed, state.in_flight, len(state.latencies)) == (failed, 0, 1)
