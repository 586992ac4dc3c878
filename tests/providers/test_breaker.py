"""The breaker of one endpoint."""

import asyncio
import logging
from collections.abc import Sequence
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule

from pi_server.domain.call import Call
from pi_server.domain.deadline import Deadline
from pi_server.domain.exchange import Exchange
from pi_server.domain.faults import Refused
from pi_server.domain.message import WireResponse
from pi_server.domain.policy import BreakerPolicy
from pi_server.providers.breaker import EndpointBreaker
from pi_server.providers.tries import Outcome, outcome_of
from pi_server.testing import FakeClock
from tests.parts.virtual_time import run
from tests.providers.outbound import OK, Told, exchange, fault, standing

FAILURES, WINDOW, PROBE = 3, 10.0, 5.0
POLICY = BreakerPolicy(
    failures=FAILURES,
    window=WINDOW,
    probe=PROBE,
    kinds=frozenset({"unreachable", "timeout"}),
    statuses=frozenset({502, 503, 504}),
)


def _breaker(clock: FakeClock) -> EndpointBreaker:
    return EndpointBreaker("bank", POLICY, standing(), clock)


def _failing(breaker: EndpointBreaker, times: int = FAILURES) -> None:
    for _ in range(times):
        breaker.failed(breaker.admit(), "made up")


class Working(RuleBasedStateMachine):
    """Whatever happens in whatever order, the promises of the breaker hold."""

    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        logging.getLogger("pi_server.provider").disabled = True
        self.clock = FakeClock()
        self.breaker = _breaker(self.clock)
        self.probing: set[int] = set()
        self.held = False

    def teardown(self) -> None:
        """Let others log again."""
        logging.getLogger("pi_server.provider").disabled = False

    @rule(target=running)
    def begin(self) -> int | MultipleResults[int]:
        """An exchange wants out; only one at a time does while the breaker is not closed."""
        state = self.breaker.state
        if state in ("open", "held_open") or self.probing:
            with pytest.raises(Refused) as caught:
                self.breaker.admit()
            left = caught.value.retry_after
            assert left is None if self.held else 0 <= (left or 0) <= PROBE
            return multiple()
        probe = self.breaker.admit()
        assert (state, bool(probe)) in (("closed", False), ("half_open", True))
        if probe:
            self.probing.add(probe)
        return probe

    @rule(probe=consumes(running), how=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def end(self, probe: int, how: str) -> None:
        """An exchange ends; the end of a probe decides."""
        decides = probe in self.probing
        if how == "failed":
            self.breaker.failed(probe, "made up")
        else:
            getattr(self.breaker, how)(probe)
        self.probing.discard(probe)
        if decides:
            assert self.breaker.state == {"succeeded": "closed", "failed": "open", "abandoned": "half_open"}[how]

    @rule(seconds=st.sampled_from([0.1, 1.0, PROBE, WINDOW]))
    def wait(self, seconds: float) -> None:
        """Time passes, which closes nothing."""
        before = self.breaker.state
        self.clock.advance(seconds)
        assert self.breaker.state == before or (before, self.breaker.state) == ("open", "half_open")

    @rule()
    def open(self) -> None:
        """By hand."""
        self.breaker.open()
        self.held = True
        self.probing.clear()

    @rule()
    def close(self) -> None:
        """By hand."""
        self.breaker.close()
        self.held = False
        self.probing.clear()

    @invariant()
    def what_is_held_open_stays_so(self) -> None:
        """Only a hand ends what a hand began."""
        assert (self.breaker.state == "held_open") == self.held


TestWorking = Working.TestCase
TestWorking.settings = settings(max_examples=60, stateful_step_count=40)


def _most_in_excess(ends: Sequence[bool]) -> int:
    """By how many failures outnumber successes at most, counted from anywhere."""
    sums = list(accumulate((-1 if well else 1 for well in ends), initial=0))
    return max(sums[late] - sums[early] for late in range(len(sums)) for early in range(late + 1))


@given(st.lists(st.booleans(), max_size=40))
def test_it_opens_when_failures_outnumber_successes(ends: list[bool]) -> None:
    """Within the window, and only then: a provider that mostly answers stays asked, however often it is."""
    breaker = _breaker(FakeClock())
    for well in ends:
        if breaker.state != "closed":
            break
        breaker.succeeded(0) if well else breaker.failed(0, "made up")
    assert (breaker.state == "open") == (_most_in_excess(ends) >= FAILURES)


def test_failures_further_apart_than_the_window_do_not_add_up() -> None:
    """An old failure is forgotten."""
    clock = FakeClock()
    breaker = _breaker(clock)
    for _ in range(10):
        _failing(breaker, FAILURES - 1)
        clock.advance(WINDOW)
    assert breaker.state == "closed"


def test_what_began_before_changes_nothing_after() -> None:
    """Late ends of earlier exchanges neither close an open breaker nor delay its probe."""
    clock = FakeClock()
    breaker = _breaker(clock)
    _failing(breaker)
    clock.advance(PROBE - 1)
    breaker.failed(0, "late")
    breaker.succeeded(0)
    states = [breaker.state]
    clock.advance(1)
    states.append(breaker.state)
    assert states == ["open", "half_open"]


def _through(outcomes: Sequence[Outcome], asked: Exchange, takes: float = 0) -> tuple[EndpointBreaker, list[Outcome]]:
    """Exchanges through the link, one after the other."""

    async def go() -> tuple[EndpointBreaker, list[Outcome]]:
        breaker = EndpointBreaker("bank", POLICY, standing(), asyncio.get_running_loop().time)
        send = breaker.link(Told(outcomes, takes).send)
        return breaker, [await outcome_of(send, asked) for _ in range(FAILURES + 1)]

    return run(go())


@pytest.mark.parametrize(
    "outcome",
    [fault(), fault("timeout"), fault(sent=False), WireResponse(502), WireResponse(503), WireResponse(504)],
)
def test_what_the_policy_names_is_a_failure(outcome: Outcome) -> None:
    """After so many of them the next exchange is refused, with the time of the next probe."""
    breaker, ends = _through([outcome] * FAILURES, exchange())
    assert breaker.state == "open"
    assert isinstance(ends[-1], Refused)
    assert (ends[-1].kind, ends[-1].sent, ends[-1].retry_after) == ("breaker_open", False, PROBE)


@pytest.mark.parametrize(
    "outcome", [OK, WireResponse(500), WireResponse(404), fault("malformed"), Refused("paced", "")]
)
def test_what_it_does_not_name_is_none(outcome: Outcome) -> None:
    """A SOAP Fault comes with 500, and a full queue is our own."""
    breaker, _ = _through([outcome] * FAILURES, exchange())
    assert breaker.state == "closed"


def test_a_hurried_consumer_cannot_open_it() -> None:
    """A timeout counts unless the consumer itself left the provider too little time."""
    short = Deadline(0.001)
    assert _through([], exchange(call=Call(deadline=short, hurried=True), deadline=short), 1)[0].state == "closed"
    assert _through([], exchange(call=Call(deadline=short), deadline=short), 1)[0].state == "open"
    patient = Call(deadline=Deadline(99), hurried=True)
    assert _through([], exchange(call=patient, deadline=short), 1)[0].state == "open"


def test_a_cancelled_probe_makes_room_for_the_next() -> None:
    """A consumer that goes away while it probes leaves the breaker half open, not stuck."""

    async def go() -> None:
        breaker = EndpointBreaker("bank", POLICY, standing(), asyncio.get_running_loop().time)
        _failing(breaker)
        await asyncio.sleep(PROBE)
        send = breaker.link(Told([], takes=1).send)
        probing = asyncio.ensure_future(send(exchange()))
        await asyncio.sleep(0.5)
        assert isinstance(await outcome_of(send, exchange()), Refused)
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
        states = [breaker.state]
        assert await send(exchange()) == OK
        states.append(breaker.state)
        assert states == ["half_open", "closed"]

    run(go())


def test_each_turn_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Who reads the error log at night sees when and why it opened and closed."""
    clock = FakeClock()
    breaker = _breaker(clock)
    _failing(breaker)
    clock.advance(PROBE)
    breaker.succeeded(breaker.admit())
    assert [record.getMessage() for record in caplog.records] == [
        "bank: the breaker is open: 3 failures, the last: made up",
        "bank: the breaker is closed: the probe succeeded",
    ]
