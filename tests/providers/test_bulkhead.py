"""The slots of one provider."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.exchange import Exchange
from pi_server.domain.faults import Refused
from pi_server.domain.message import WireResponse
from pi_server.domain.policy import BulkheadPolicy
from pi_server.providers.bulkhead import Bulkhead
from tests.parts.virtual_time import run
from tests.providers.outbound import OK, Told, exchange, standing

Job = tuple[float, float, float | None]
"""When an exchange comes, how long it runs, and after how long its consumer goes away."""

moments = st.integers(0, 40).map(lambda tenths: tenths / 10)
jobs = st.lists(st.tuples(moments, moments, st.none() | moments), max_size=30)
policies = st.builds(
    BulkheadPolicy,
    in_flight=st.integers(1, 4),
    queue=st.integers(0, 5),
    wait=st.integers(1, 20).map(lambda tenths: tenths / 10),
)


@dataclass
class Scene:
    """A bulkhead at work: who came, began and was refused after how long, and how many ran or waited at most."""

    policy: BulkheadPolicy
    came: list[int] = field(default_factory=list[int])
    began: dict[int, float] = field(default_factory=dict[int, float])
    refused: dict[int, float] = field(default_factory=dict[int, float])
    running: int = 0
    most_running: int = 0
    most_queued: int = 0

    async def play(self, given_: list[Job]) -> "Scene":
        """Run all jobs, and see that every slot is free again."""
        self.loop, self.standing = asyncio.get_running_loop(), standing()
        self.bulkhead = Bulkhead(self.policy, self.standing)
        tasks = [asyncio.ensure_future(self._come(number, job)) for number, job in enumerate(given_)]
        for task, job in zip(tasks, given_, strict=True):
            if job[2] is not None:
                self.loop.call_later(job[0] + job[2], task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert self.standing.queued == 0
        send = self.bulkhead.link(Told([], 1).send)
        all_free = [asyncio.ensure_future(send(exchange())) for _ in range(self.policy.in_flight)]
        await asyncio.sleep(1.001)
        assert all(task.done() and task.result() == OK for task in all_free)
        return self

    async def _come(self, number: int, job: Job) -> None:
        async def work(_: Exchange) -> WireResponse:
            self.began[number] = self.loop.time()
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            self.most_queued = max(self.most_queued, self.standing.queued)
            try:
                await asyncio.sleep(job[1])
            finally:
                self.running -= 1
            return OK

        await asyncio.sleep(job[0])
        self.came.append(number)
        begun = self.loop.time()
        try:
            await self.bulkhead.link(work)(exchange())
        except Refused:
            self.most_queued = max(self.most_queued, self.standing.queued)
            self.refused[number] = self.loop.time() - begun


@given(policies, jobs)
def test_no_slot_is_given_twice_or_lost(policy: BulkheadPolicy, given_: list[Job]) -> None:
    """Whoever comes, ends or goes away at whatever moment: never more at once, and at the end all slots are free."""
    seen = run(Scene(policy).play(given_))
    assert seen.most_running <= policy.in_flight
    assert seen.most_queued <= policy.queue


@given(policies, jobs)
def test_slots_are_given_in_the_order_they_are_asked_for(policy: BulkheadPolicy, given_: list[Job]) -> None:
    """Nobody overtakes: who came later begins at the same moment at the earliest."""
    seen = run(Scene(policy).play(given_))
    times = [seen.began[number] for number in seen.came if number in seen.began]
    assert times == sorted(times)


@given(policies, jobs)
def test_nobody_waits_longer_than_allowed(policy: BulkheadPolicy, given_: list[Job]) -> None:
    """Who is refused has waited for that time at most, and did not begin."""
    seen = run(Scene(policy).play(given_))
    assert all(waited <= policy.wait + 1e-6 for waited in seen.refused.values())
    assert not seen.refused.keys() & seen.began.keys()


@pytest.mark.parametrize(("deadline", "waited"), [(NEVER, 1.0), (Deadline(0.3), 0.3)])
def test_a_wait_ends_with_its_time_or_its_deadline(deadline: Deadline, waited: float) -> None:
    """The refusal says how many run, and where the time went."""

    async def go() -> tuple[float, Refused]:
        bulkhead = Bulkhead(BulkheadPolicy(in_flight=1, queue=1, wait=1.0), standing())
        running = asyncio.ensure_future(bulkhead.link(Told([], 60).send)(exchange()))
        await asyncio.sleep(0)
        with pytest.raises(Refused) as caught:
            await bulkhead.link(Told([]).send)(exchange(deadline=deadline))
        ended = asyncio.get_running_loop().time()
        running.cancel()
        return ended, caught.value

    ended, refused = run(go())
    assert ended == pytest.approx(waited)
    assert (refused.kind, refused.retry_after) == ("queue_full", 1.0)
    assert refused.reason == f"1 exchanges run, no slot came free in time (queue {waited:.3f} s)"


def test_a_slot_that_comes_in_the_moment_of_leaving_is_not_lost() -> None:
    """Whoever was given a slot, and went away before running again, hands it on."""

    async def go() -> None:
        send = Bulkhead(BulkheadPolicy(in_flight=1, queue=5, wait=10), standing()).link(Told([], 1).send)
        first, second, third = [asyncio.ensure_future(send(exchange())) for _ in range(3)]
        await asyncio.sleep(0.5)
        first.cancel()
        await asyncio.sleep(0)  # the first gives its slot to the second, which does not run yet
        second.cancel()
        assert await third == OK
        assert asyncio.get_running_loop().time() == pytest.approx(1.5)

    run(go())
