"""The outbound link that tries again."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.deadline import Deadline
from pi_server.domain.exchange import Exchange
from pi_server.domain.faults import ProviderFault, Refused
from pi_server.domain.message import WireResponse
from pi_server.domain.policy import RetryPolicy
from pi_server.providers.retry import retry, retry_after
from pi_server.providers.tries import Outcome, outcome_of
from tests.parts.virtual_time import run
from tests.providers.outbound import AGAIN, OK, UNAVAILABLE, Told, exchange, fault, standing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
outcomes = st.sampled_from(
    [
        OK,
        UNAVAILABLE,
        WireResponse(429, (("Retry-After", "7"),)),
        WireResponse(500),
        fault(sent=False),
        fault("timeout", sent=False),
        fault("unreachable"),
        fault("timeout"),
        fault("malformed"),
        fault("too_large"),
        Refused("breaker_open", "made up"),
        Refused("queue_full", "made up"),
    ]
)


def _policy(times: int = 3, pause: float = 0.1, longest: float = 1.0, *, unsent: bool = True) -> RetryPolicy:
    return RetryPolicy(times=times, unsent=unsent, pause=pause, longest=longest, statuses=AGAIN)


def _tried(told: Told, asked: Exchange, policy: RetryPolicy) -> Outcome:
    """What comes of an exchange behind the link."""

    async def go() -> Outcome:
        return await outcome_of(retry(policy, standing())(told.send), asked)

    return run(go())


def _was_sent(outcome: Outcome) -> bool:
    return not isinstance(outcome, ProviderFault) or outcome.sent


@given(st.lists(outcomes, max_size=8), st.integers(1, 5))
def test_what_may_not_be_repeated_is_sent_once(told: list[Outcome], times: int) -> None:
    """After a try of which a byte may have left there is no other, whatever came of it."""
    provider = Told(told)
    _tried(provider, exchange(repeatable=False), _policy(times))
    assert not any(_was_sent(outcome) for outcome in provider.given[:-1])


@given(st.lists(outcomes, max_size=8))
def test_unless_the_policy_says_so_it_is_tried_once(told: list[Outcome]) -> None:
    """Not even after a try of which nothing left."""
    provider = Told(told)
    _tried(provider, exchange(repeatable=False), _policy(unsent=False))
    assert len(provider.given) == 1


@given(st.lists(outcomes, max_size=8), st.integers(1, 5), st.booleans())
def test_there_are_no_more_tries_than_configured(told: list[Outcome], times: int, repeatable: bool) -> None:
    """The first, and as many others as the policy says; none follows a success."""
    provider = Told(told)
    _tried(provider, exchange(repeatable=repeatable), _policy(times))
    assert len(provider.given) <= times + 1
    assert OK not in provider.given[:-1]


@given(st.lists(outcomes, max_size=8), st.floats(0.01, 9), st.floats(0, 2))
def test_no_try_begins_after_the_deadline_and_none_outlasts_it(told: list[Outcome], left: float, takes: float) -> None:
    """Each try gets what is left of the time; all together never take more."""
    provider = Told(told, takes)

    async def go() -> float:
        await outcome_of(
            retry(_policy(5), standing())(provider.send), exchange(repeatable=True, deadline=Deadline(left))
        )
        return asyncio.get_running_loop().time()

    assert run(go()) <= left + 1e-6
    assert all(time < left for time in provider.times)
    assert {asked.deadline for asked in provider.asked} == {Deadline(left)}


@given(st.lists(outcomes, min_size=1, max_size=8))
def test_the_last_real_failure_is_told(told: list[Outcome]) -> None:
    """A refusal of another try does not hide why the provider failed."""
    provider = Told(told)
    end = _tried(provider, exchange(repeatable=True), _policy(5))
    real = [outcome for outcome in provider.given if not isinstance(outcome, Refused)]
    assert end is (real[-1] if real else provider.given[0])


@given(st.integers(0, 4), st.floats(0.001, 1), st.floats(0.001, 4))
def test_pauses_double_up_to_the_longest(number: int, pause: float, longest: float) -> None:
    """No pause is longer than the policy allows."""
    provider = Told([fault()] * (number + 1))
    _tried(provider, exchange(repeatable=True), _policy(5, pause, longest))
    gap = provider.times[number + 1] - provider.times[number]
    assert 0 <= gap <= min(longest, pause * 2**number) + 1e-6


def test_an_answer_may_ask_for_a_longer_pause() -> None:
    """Retry-After counts, also beyond the longest pause."""
    provider = Told([WireResponse(503, (("Retry-After", "7"),))])
    assert _tried(provider, exchange(repeatable=True), _policy()) == OK
    assert provider.times == pytest.approx([0, 7])


def test_a_pause_that_outlasts_the_deadline_is_not_begun() -> None:
    """The failure is told at once."""
    asked = WireResponse(503, (("Retry-After", "7"),))
    provider = Told([asked])

    async def go() -> float:
        sent = retry(_policy(), standing())(provider.send)
        assert await sent(exchange(repeatable=True, deadline=Deadline(5))) is asked
        return asyncio.get_running_loop().time()

    assert run(go()) == 0


def test_a_later_try_knows_where_the_time_went() -> None:
    """Its record can say how long the earlier ones took."""
    provider = Told([fault(sent=False)], takes=2)
    _tried(provider, exchange(), _policy(1, 0.001))
    assert provider.asked[0].spent() == ""
    assert provider.asked[1].spent().startswith("earlier tries 2.00")


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("", 0),
        ("7", 7),
        (" 7 ", 7),
        ("-7", 0),
        ("7.5", 0),
        ("soon", 0),
        ("\u0667", 0),
        ("9" * 5000, 999999999),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 01 Jan 2026 00:01:00", 0),
        ("Thu, 99 Jan 2026 00:01:00 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date(told: str, seconds: float) -> None:
    """What is neither counts for nothing."""
    assert retry_after(WireResponse(503, (("retry-after", told),)), NOW) == seconds
