"""Several endpoints of one provider."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.exchange import Endpoint
from pi_server.domain.faults import ProviderFault, Refused
from pi_server.domain.message import WireResponse
from pi_server.providers.failover import Failover, Place
from pi_server.providers.tries import Outcome, outcome_of
from tests.parts.virtual_time import run
from tests.providers.outbound import AGAIN, OK, UNAVAILABLE, Told, exchange, fault, standing

OPEN = Refused("breaker_open", "made up", retry_after=5)
HELD = Refused("breaker_open", "made up")
PROBING = Refused("breaker_open", "made up", retry_after=0)
OPEN_SHORT = Refused("breaker_open", "made up", retry_after=1)
FULL = Refused("queue_full", "made up")
DEAD = fault(sent=False)
outcomes = st.sampled_from([OK, UNAVAILABLE, OPEN, FULL, DEAD, fault("timeout", sent=False), fault(), fault("timeout")])


def _asked(*told: list[Outcome], repeatable: bool = False, times: int = 1) -> tuple[list[Outcome], list[Told]]:
    """What comes of so many exchanges one after the other, and what each endpoint was asked."""
    providers = [Told(each) for each in told]

    async def go() -> list[Outcome]:
        places = [
            Place(f"http://{n}.example", Endpoint(f"http://{n}.example", "bank", ""), provider.send)
            for n, provider in enumerate(providers)
        ]
        places[0] = places[0]._replace(address="http://bank.example")
        failover = Failover(places, AGAIN, standing())
        return [await outcome_of(failover.send, exchange(repeatable=repeatable)) for _ in range(times)]

    return run(go()), providers


@given(st.lists(outcomes, min_size=2, max_size=5))
def test_what_may_not_be_repeated_reaches_one_endpoint(told: list[Outcome]) -> None:
    """The next endpoint is asked only while no byte can have left."""
    _, providers = _asked(*([outcome] for outcome in told))
    given_ = [outcome for provider in providers for outcome in provider.given]
    assert sum(1 for one in given_ if not isinstance(one, ProviderFault) or one.sent) <= 1


@given(st.lists(outcomes, min_size=2, max_size=5), st.booleans())
def test_endpoints_are_asked_in_their_order_and_once(told: list[Outcome], repeatable: bool) -> None:
    """From the first on, each at most once, and none after a success."""
    _, providers = _asked(*([outcome] for outcome in told), repeatable=repeatable)
    counts = [len(provider.given) for provider in providers]
    assert counts == sorted(counts, reverse=True)
    assert max(counts) == 1
    assert all(OK not in provider.given for provider in providers[: sum(counts) - 1])


def test_it_stays_with_the_endpoint_that_answered() -> None:
    """The first is not asked again until the second fails; then it is its turn."""
    ends, (first, second) = _asked([DEAD], [OK, OK, DEAD], times=3)
    assert ends == [OK, OK, OK]
    assert (len(first.given), len(second.given)) == (2, 3)


def test_an_endpoint_that_only_says_it_cannot_is_none_to_stay_with() -> None:
    """When all of them answer 503, the first is asked first the next time, too."""
    ends, (first, second) = _asked([UNAVAILABLE], [UNAVAILABLE], repeatable=True, times=2)
    assert ends == [UNAVAILABLE, OK]
    assert (len(first.given), len(second.given)) == (2, 1)


def test_requests_go_to_the_address_of_their_endpoint() -> None:
    """Path and query stay, and the record names the endpoint that was asked."""
    _, (first, second) = _asked([DEAD], [])
    assert first.asked[0].request.url == "http://bank.example/ws"
    assert second.asked[0].request.url == "http://1.example/ws"
    assert second.asked[0].endpoint.address == "http://1.example"


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ([OPEN, OK], OK),
        ([OPEN, OPEN_SHORT], OPEN_SHORT),
        ([OPEN_SHORT, OPEN], OPEN_SHORT),
        ([HELD, OPEN], OPEN),
        ([OPEN, HELD], OPEN),
        ([PROBING, OPEN], PROBING),
        ([DEAD, OPEN], DEAD),
        ([OPEN, DEAD], DEAD),
        ([FULL, OK], FULL),
        ([DEAD, FULL], DEAD),
        ([UNAVAILABLE, OK], UNAVAILABLE),
    ],
)
def test_which_outcome_is_told(told: list[Outcome], end: Outcome) -> None:
    """An open breaker leads on, a full queue does not; no refusal hides a failure."""
    assert _asked(*([outcome] for outcome in told))[0] == [end]


def test_an_answer_of_a_repeatable_message_may_lead_on() -> None:
    """An endpoint under maintenance says 503, and the next one answers."""
    ends, _ = _asked([WireResponse(503)], [OK], repeatable=True)
    assert ends == [OK]
