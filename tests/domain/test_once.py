"""What follows from what is known of an order: the table, and what no course of events may lead to."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pi_server.domain.faults import CallTimeout, Fault, InternalFault, ProviderFailure, ProviderFault, StoreUnavailable
from pi_server.domain.once import Answer, Done, Known, Running, Step, Unknown, outcome, step
from pi_server.domain.trail import Trail

ANSWER = Answer(200, (), b"done")
LEASE = 10.0
ANSWERED: tuple[ProviderFailure, ...] = ("status", "fault")
UNANSWERED: tuple[ProviderFailure, ...] = ("unreachable", "timeout", "cancelled", "malformed", "too_large")


def _failed(status: int, kind: ProviderFailure, *, sent: bool = True) -> Fault:
    fault = Fault("failed", status)
    fault.__cause__ = ProviderFault(kind, "why", sent=sent)
    return fault


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        (None, "run"),
        (Running("d", until=5.1), "wait"),
        (Running("d", until=5.0), "ask"),
        (Unknown("d"), "ask"),
        (Done("d", ANSWER), "repeat"),
        (Running("other", until=6.0), "refuse"),
        (Running("other", until=4.0), "refuse"),
        (Unknown("other"), "refuse"),
        (Done("other", ANSWER), "refuse"),
    ],
)
def test_each_state_has_its_step(known: Known | None, wanted: Step) -> None:
    """Nothing known runs, a decided one is repeated, and another request is refused whatever is known."""
    assert step(known, "d", 5.0) == wanted


def test_nothing_was_done_before_the_operation_began() -> None:
    """Whatever refuses a request on its way to the operation, or ends it there, leaves it free."""
    for error in (Fault("x", 422), CallTimeout(), RuntimeError(), KeyboardInterrupt()):
        assert outcome(error, Trail("r")) == "nothing"


def test_a_refusal_is_final_and_a_failure_is_not() -> None:
    """What the operation itself refuses below 500 was decided; of anything else that it raises nobody can tell."""
    trail = Trail("r", begun=True)
    assert outcome(Fault("x", 400), trail) == outcome(Fault("x", 499), trail) == "final"
    for error in (Fault("x", 500), InternalFault(), StoreUnavailable(), CallTimeout(), RuntimeError(), SystemExit()):
        assert outcome(error, trail) == "unknown"


@pytest.mark.parametrize("kind", ANSWERED)
def test_what_a_provider_answered_counts_as_it_is_told(kind: ProviderFailure) -> None:
    """A provider's answer is final where the status map makes a refusal of it; a 5xx proves nothing."""
    trail = Trail("r", begun=True, left=1)
    assert outcome(_failed(409, kind), trail) == "final"
    assert outcome(_failed(502, kind), trail) == "unknown"


@pytest.mark.parametrize("kind", UNANSWERED)
@pytest.mark.parametrize("status", [409, 502])
def test_what_a_provider_did_not_answer_depends_on_what_left(kind: ProviderFailure, status: int) -> None:
    """Whatever status it was given, only that nothing left frees it: now, and in all exchanges before."""
    assert outcome(_failed(status, kind, sent=False), Trail("r", begun=True, left=0)) == "nothing"
    assert outcome(_failed(status, kind, sent=False), Trail("r", begun=True, left=1)) == "unknown"
    assert outcome(_failed(status, kind, sent=True), Trail("r", begun=True, left=0)) == "nothing"
    assert outcome(_failed(status, kind, sent=True), Trail("r", begun=True)) == "unknown"
    assert outcome(_failed(status, kind, sent=False), Trail("r", begun=True)) == "nothing"


def test_a_fault_raised_while_another_was_handled_remembers_it() -> None:
    """An operation that tells a provider's silence in its own words does not make a decision of it."""

    def hide() -> None:
        try:
            raise ProviderFault("timeout", "silent")
        except ProviderFault:
            raise Fault("taken", 409)  # noqa: B904 - without a cause, as plugins may write it

    with pytest.raises(Fault) as raised:
        hide()
    assert outcome(raised.value, Trail("r", begun=True, left=1)) == "unknown"


def test_an_exception_that_is_its_own_cause_ends() -> None:
    """A circle of causes is not followed for ever."""
    fault = Fault("x", 409)
    fault.__cause__ = fault
    assert outcome(fault, Trail("r", begun=True)) == "final"


def test_a_trail_counts_what_may_have_left() -> None:
    """Reading is harmless; what was certainly kept back is taken back; anything else stays."""
    fault, trail = ProviderFault("timeout", "why", sent=True), Trail("r")
    assert not trail.nothing_left(fault)
    trail.sends(harmless=True)
    assert trail.nothing_left(fault)
    trail.sends(harmless=False)
    trail.sends(harmless=False)
    trail.kept_back()
    assert not trail.nothing_left(fault)
    trail.kept_back()
    assert trail.nothing_left(fault)


@dataclass
class Worker:
    """One that holds the order: the state it wrote, and whether it must ask the provider first."""

    mine: Known
    asks: bool


class Orders(RuleBasedStateMachine):
    """One order, many workers that die at any moment, and a provider that remembers how often it acted."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        super().__init__()
        self.known: Known | None = None
        self.now = 0.0
        self.acted = 0
        self.workers: list[Worker] = []

    @rule()
    def comes(self) -> None:
        """A request comes, and takes its turn if it may."""
        what = step(self.known, "d", self.now)
        assert what != "refuse"
        assert (what == "repeat") == isinstance(self.known, Done)
        if what in ("run", "ask"):
            assert not self.workers
            self.known = Running("d", self.now + LEASE)
            self.workers.append(Worker(self.known, asks=what == "ask"))

    @precondition(lambda self: self._holder(asks=True))
    @rule(answers=st.booleans())
    def asks(self, answers: bool) -> None:
        """Who found the outcome unknown asks the provider, which tells the truth or fails."""
        worker = self._holder(asks=True)
        if not answers:
            self._settle(worker, Unknown("d"))
        elif self.acted:
            self._settle(worker, Done("d", ANSWER))
        else:
            worker.asks = False

    @precondition(lambda self: self._holder(asks=False))
    @rule()
    def is_answered(self) -> None:
        """Who runs it sends the request, and the provider acts and answers."""
        self.acted += 1
        self._settle(self._holder(asks=False), Done("d", ANSWER))

    @precondition(lambda self: self._holder(asks=False))
    @rule(kind=st.sampled_from(UNANSWERED), sent=st.booleans(), acts=st.booleans())
    def is_not_answered(self, kind: ProviderFailure, sent: bool, acts: bool) -> None:
        """Who runs it gets no answer; the provider acts on what it was sent, or does not."""
        trail = Trail("r", begun=True)
        trail.sends(harmless=False)
        if not sent:
            trail.kept_back()
        self.acted += sent and acts
        proved = outcome(_failed(502, kind, sent=sent), trail)
        self._settle(self._holder(asks=False), None if proved == "nothing" else Unknown("d"))

    @precondition(lambda self: self.workers)
    @rule(acts=st.booleans())
    def dies(self, acts: bool) -> None:
        """A worker is killed, maybe after its request was sent and the provider acted on it."""
        asking = self.workers.pop().asks
        self.acted += acts and not asking

    @rule(seconds=st.floats(0, LEASE))
    def time_passes(self, seconds: float) -> None:
        """Time passes; no worker outlives its own time."""
        self.now += seconds
        if isinstance(self.known, Running) and self.now >= self.known.until:
            self.workers.clear()

    @invariant()
    def acts_once(self) -> None:
        """The provider never acts twice."""
        assert self.acted <= 1

    @invariant()
    def is_never_free_once_it_happened(self) -> None:
        """What happened is running, unknown or done, but never forgotten."""
        assert self.known is not None or not self.acted

    def _holder(self, *, asks: bool) -> Any:
        """The worker that holds the order, if it is at this point."""
        return next((worker for worker in self.workers if worker.asks == asks), None)

    def _settle(self, worker: Worker, known: Known | None) -> None:
        assert worker.mine is self.known
        self.known = known
        self.workers.remove(worker)


def test_the_provider_acts_once_at_most() -> None:
    """However workers, failures, deaths and time come together, it never acts twice, and what happened is not free."""
    run_state_machine_as_test(Orders)
