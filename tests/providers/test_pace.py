"""The quota of a provider."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.deadline import Deadline
from pi_server.domain.faults import Refused
from pi_server.domain.policy import PacePolicy
from pi_server.providers.pace import pace
from pi_server.providers.tries import Outcome, outcome_of
from tests.parts.virtual_time import run
from tests.providers.outbound import Told, exchange, standing

moments = st.integers(0, 60).map(lambda tenths: tenths / 10)
policies = st.builds(PacePolicy, requests=st.integers(1, 5), period=st.sampled_from([0.5, 1.0, 3.0]))
arrivals = st.lists(st.tuples(moments, moments), max_size=30)


async def _paced(policy: PacePolicy, given_: list[tuple[float, float]]) -> tuple[Told, list[tuple[float, Outcome]]]:
    """Exchanges that come at these moments with so much time left, and how long each took to its end."""
    provider, loop = Told([]), asyncio.get_running_loop()
    send = pace(policy, standing())(provider.send)

    async def one(at: float, left: float) -> tuple[float, Outcome]:
        await asyncio.sleep(at)
        outcome = await outcome_of(send, exchange(deadline=Deadline(at + left)))
        return loop.time() - at, outcome

    return provider, await asyncio.gather(*(one(at, left) for at, left in given_))


@given(policies, arrivals)
def test_the_quota_holds_in_any_period(policy: PacePolicy, given_: list[tuple[float, float]]) -> None:
    """Wherever a period begins, no more than the quota leave in it."""
    provider, _ = run(_paced(policy, given_))
    for early, late in zip(provider.times, provider.times[policy.requests :], strict=False):
        assert late - early >= policy.period - 1e-6


@given(policies, arrivals)
def test_who_would_wait_too_long_is_refused_at_once(policy: PacePolicy, given_: list[tuple[float, float]]) -> None:
    """Nobody waits only to hear that the time is over, and nobody leaves after his deadline."""
    _, ends = run(_paced(policy, given_))
    for (_, left), (took, outcome) in zip(given_, ends, strict=True):
        if isinstance(outcome, Refused):
            assert outcome.kind == "paced"
            assert took == pytest.approx(0)
            assert (outcome.retry_after or 0) >= left - 1e-6
        else:
            assert took <= left + 1e-6


@given(policies, st.integers(0, 20))
def test_below_the_quota_nobody_waits(policy: PacePolicy, many: int) -> None:
    """As many as the quota may leave at once; the others follow period by period."""
    provider, _ = run(_paced(policy, [(0.0, 1000.0)] * many))
    assert provider.times == pytest.approx([n // policy.requests * policy.period for n in range(many)])


def test_a_wait_is_told_further_in() -> None:
    """What comes after knows where the time went."""
    provider, _ = run(_paced(PacePolicy(requests=1, period=2.0), [(0.0, 9.0), (0.0, 9.0)]))
    assert [asked.spent() for asked in provider.asked] == ["", "quota 2.000 s"]
