"""The whole outbound chain of a provider."""

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.call import Call
from pi_server.domain.chain import Chain
from pi_server.domain.deadline import Deadline
from pi_server.domain.exchange import Endpoint, Send
from pi_server.domain.faults import Fault, ProviderFault, Refused
from pi_server.domain.message import WireRequest
from pi_server.providers.policies import Policies
from pi_server.providers.settings import RestSettings
from pi_server.providers.tries import Outcome, outcome_of
from tests.parts.virtual_time import run
from tests.providers.bank import Echo
from tests.providers.conftest import Open
from tests.providers.outbound import BANK, OK, UNAVAILABLE, Told, exchange, fault, standing

OFF: dict[str, Any] = {"retry": {"times": 0}, "breaker": {"failures": 0}, "bulkhead": {"in_flight": 0}}
SECOND = Endpoint("http://second.example", "bank", "core bank")

outcomes = st.sampled_from([OK, UNAVAILABLE, fault(sent=False), fault(), fault("timeout"), fault("malformed")])
sections: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "timeout": st.sampled_from(["500ms", "3s"]),
        "retry": st.fixed_dictionaries(
            {"times": st.integers(0, 5), "unsent": st.booleans(), "pause": st.sampled_from(["10ms", "2s"])}
        ),
        "breaker": st.fixed_dictionaries({"failures": st.integers(0, 3), "probe": st.sampled_from(["100ms", "5s"])}),
        "bulkhead": st.fixed_dictionaries({"in_flight": st.integers(0, 2), "queue": st.integers(0, 3)}),
        "pace": st.fixed_dictionaries({"requests": st.integers(0, 2), "period": st.sampled_from(["300ms", "2s"])}),
    }
)


def _chain(section: dict[str, Any], *transports: Send) -> Send:
    settings = RestSettings.model_validate({"endpoint": BANK.address, **section})
    policies = Policies(settings, standing(), Chain())
    return policies.around(list(zip((BANK, SECOND), transports, strict=False)))


Job = tuple[int, bool, float, int]
"""When a call comes (tenths of a second), whether it is repeatable, how long each try takes, how long the call may."""

jobs = st.lists(
    st.tuples(st.integers(0, 30), st.booleans(), st.sampled_from([0.0, 0.2, 1.0]), st.integers(1, 40)), max_size=8
)


@given(sections, st.lists(outcomes, max_size=20), jobs)
def test_no_call_outlasts_its_budget(section: dict[str, Any], told: list[Outcome], given_: list[Job]) -> None:
    """Queue, quota, tries and pauses share one time, and its end is kept whatever the policies are."""

    async def one(send: Send, job: Job) -> None:
        loop = asyncio.get_running_loop()
        at, repeatable, _, left = job
        await asyncio.sleep(at / 10)
        begun = loop.time()
        budget = min(left / 10, RestSettings.model_validate({"endpoint": BANK.address, **section}).timeout)
        await outcome_of(send, exchange(repeatable=repeatable, deadline=Deadline(begun + left / 10)))
        assert loop.time() - begun <= budget + 1e-6

    async def go() -> None:
        providers = [Told(told[half::2], given_[0][2] if given_ else 0) for half in (0, 1)]
        send = _chain(section, *[provider.send for provider in providers])
        await asyncio.gather(*(one(send, job) for job in given_))

    run(go())


@given(sections, st.lists(outcomes, max_size=20), st.booleans())
def test_only_what_is_repeatable_is_sent_twice(section: dict[str, Any], told: list[Outcome], repeatable: bool) -> None:
    """Over all tries and endpoints, whatever the policies are."""

    async def go() -> list[Outcome]:
        providers = [Told(told[half::2]) for half in (0, 1)]
        await outcome_of(_chain(section, *[provider.send for provider in providers]), exchange(repeatable=repeatable))
        return [outcome for provider in providers for outcome in provider.given]

    sent = [outcome for outcome in run(go()) if not isinstance(outcome, ProviderFault) or outcome.sent]
    assert repeatable or len(sent) <= 1


def test_policies_that_are_off_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything switched off, deadline and count are all that stands before the transport."""
    composed: list[str] = []
    then = Chain[Send].then

    def noted(chain: Chain[Send], handler: Send) -> Send:
        composed.extend(getattr(link, "__qualname__", "").partition(".<locals>")[0] for link in chain.links)
        return then(chain, handler)

    async def go(section: dict[str, Any]) -> list[str]:
        composed.clear()
        _chain(section, Told([]).send)
        return sorted(composed)

    monkeypatch.setattr(Chain, "then", noted)
    assert run(go(OFF)) == ["count", "deadline"]
    assert run(go({})) == ["Bulkhead.link", "EndpointBreaker.link", "count", "deadline", "retry"]
    everything = {"pace": {"requests": 1}, "timeout_header": "X-Left"}
    assert set(run(go(everything))) == {
        "Bulkhead.link",
        "EndpointBreaker.link",
        "count",
        "deadline",
        "pace",
        "retry",
        "time_left",
    }


def test_a_pausing_retry_holds_no_slot() -> None:
    """While one call waits before its second try, another has the only slot."""

    async def go() -> list[float]:
        provider = Told([fault(sent=False)], takes=0.1)
        section = {
            "retry": {"times": 1, "unsent": True, "pause": "1h", "longest": "1h"},
            "bulkhead": {"in_flight": 1},
            "timeout": "2h",
        }
        send = _chain(section, provider.send)
        await asyncio.gather(*(outcome_of(send, exchange()) for _ in range(2)))
        return provider.times

    assert run(go())[:2] == pytest.approx([0, 0.1])


def test_an_open_breaker_takes_no_slot_and_no_turn() -> None:
    """What is refused there does not use up the quota, and each endpoint has a breaker of its own."""

    async def go() -> tuple[Outcome, list[str]]:
        provider = Told([fault()] * 2)
        settings = RestSettings.model_validate(
            {"endpoint": BANK.address, "breaker": {"failures": 2}, "pace": {"requests": 2, "period": "60s"}}
        )
        policies = Policies(settings, standing(), Chain())
        send = policies.around([(BANK, provider.send), (SECOND, Told([]).send)])
        for _ in range(2):
            await outcome_of(send, exchange())
        states = [str(breaker.state) for breaker in policies.standing.breakers.values()]
        return await outcome_of(send, exchange()), states

    end, states = run(go())
    assert states == ["open", "closed"]
    assert isinstance(end, Refused)
    assert end.kind == "paced"


async def test_the_provider_hears_how_much_time_is_left(rest_provider: str, open_provider: Open) -> None:
    """In the header that its section names, in whole milliseconds."""
    market = await open_provider(rest_provider, timeout="5s", timeout_header="X-Left-Ms")
    said = await market.send(Call(), Echo(word="x"))
    assert 1000 < int(said.headers["x-left-ms"]) <= 5000


async def test_a_refusal_is_one_line_and_a_fault(
    rest_provider: str, open_provider: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing was sent, so the provider's line in the log is all there is; the consumer hears when to come back."""
    market = await open_provider(rest_provider)
    [breaker] = market.standing.breakers.values()
    breaker.open()
    caplog.clear()
    with caplog.at_level(logging.WARNING), pytest.raises(Fault) as caught:
        await market.send(Call(), Echo(word="x"))
    assert (caught.value.code, caught.value.status) == ("provider_suspended", 503)
    assert [record.getMessage() for record in caplog.records] == ["bank: breaker_open: the breaker is held_open"]
    assert (market.standing.exchanges, dict(market.standing.refusals)) == (0, {"breaker_open": 1})
    breaker.close()
    assert (await market.send(Call(), Echo(word="x"))).verb == "GET"
    assert (market.standing.exchanges, market.standing.in_flight, len(market.standing.latencies)) == (1, 0, 1)


def test_an_exchange_keeps_its_headers() -> None:
    """What links add stands behind what codec and configuration said."""

    async def go() -> WireRequest:
        provider = Told([])
        asked = exchange()
        asked = asked._replace(request=asked.request._replace(headers=(("X-Own", "1"),)))
        await _chain({"timeout_header": "X-Left"}, provider.send)(asked)
        return provider.asked[0].request

    assert run(go()).headers == (("X-Own", "1"), ("X-Left", "10000"))
