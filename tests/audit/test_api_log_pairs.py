"""Every request record has exactly one closing record, however the exchange ends."""

import asyncio
import logging
import random
from collections.abc import Coroutine

import pytest

from pi_server.audit.api_log import Level
from pi_server.audit.api_log_parser import Record, parse_line
from pi_server.domain.deadline import Deadline
from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFailure, ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.domain.status_map import DEFAULTS
from tests.audit.scene import ANSWER, Recorder, answer, call, exchange, status_of

CALLS = 1000
KINDS: tuple[ProviderFailure, ...] = ("unreachable", "timeout", "malformed", "too_large", "status", "fault")


class Unreliable:
    """A provider that answers, fails, stalls, breaks or is given up, at random but repeatably."""

    def __init__(self, seed: int) -> None:
        """Choose by ``seed``."""
        self._dice = random.Random(seed)

    async def send(self, _: Exchange) -> WireResponse:
        """Do one of those."""
        fate = self._dice.random()
        await asyncio.sleep(0)
        if fate < 0.3:
            return ANSWER
        if fate < 0.6:
            raise ProviderFault(self._dice.choice(KINDS), "bad luck")
        if fate < 0.7:
            raise ZeroDivisionError
        if fate < 0.8:
            raise asyncio.CancelledError
        await asyncio.sleep(10)
        return ANSWER


async def one_call(recorder: Recorder, provider: Unreliable, number: int) -> None:
    """One exchange; every third is cancelled from outside, every other has little time."""
    send = recorder.log.link("full", status_of)(provider.send)
    task = asyncio.create_task(send_within(send, exchange(of=call(f"id-{number}")), 0.01 if number % 2 else 0.5))
    if number % 3 == 0:
        await asyncio.sleep(0.002)
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() or task.exception() or task.result() is ANSWER


async def send_within(send: Send, one: Exchange, seconds: float) -> WireResponse:
    """Send with a deadline, as the outbound chain does."""
    async with asyncio.timeout(seconds):
        return await send(one)


def pairs(lines: list[bytes]) -> dict[str, list[Record]]:
    """Records by correlation id, in the order written."""
    found: dict[str, list[Record]] = {}
    for line in lines:
        record = parse_line(line.decode())
        found.setdefault(record.correlation_id, []).append(record)
    return found


async def test_random_endings_leave_pairs() -> None:
    """A thousand exchanges that end in every way leave a thousand requests, each followed by one closing record."""
    recorder, provider = Recorder(), Unreliable(7)
    await asyncio.gather(*(one_call(recorder, provider, number) for number in range(CALLS)))
    found = pairs(recorder.lines)
    assert len(found) == CALLS
    assert all([r.flow for r in both] == ["REQUEST_OUT_PI", "RESPONSE_IN_PI"] for both in found.values())


async def test_the_request_is_written_before_the_send() -> None:
    """While the provider works its request is on record already, and nothing else."""
    recorder = Recorder()
    seen: list[int] = []

    async def look(_: Exchange) -> WireResponse:
        seen.append(len(recorder.lines))
        return ANSWER

    await recorder.ask(look, exchange())
    assert (seen, len(recorder.lines)) == ([1], 2)


async def stall(_: Exchange) -> WireResponse:
    """Be a provider that never answers."""
    await asyncio.sleep(60)
    return ANSWER


def closing(recorder: Recorder) -> Record:
    """The second of two records."""
    _, last = recorder.lines
    return parse_line(last.decode())


@pytest.mark.parametrize("whose", ["exchange", "call"])
async def test_a_passed_deadline_is_a_timeout(whose: str, caplog: pytest.LogCaptureFixture) -> None:
    """A send cut off by the deadline of the exchange or of its call is recorded with the status of a timeout."""
    recorder, end = Recorder(), Deadline(asyncio.get_running_loop().time() + 0.02)
    late = exchange(deadline=end) if whose == "exchange" else exchange(of=call(deadline=end))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout_at(end.at):
            await recorder.ask(stall, late)
    assert closing(recorder).status == DEFAULTS["timeout"].status
    assert [r.levelname for r in caplog.records] == ["ERROR"]


async def test_a_cancelled_send_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    """A send cancelled with time left is recorded with the status of a cancellation, and is nobody's error."""
    caplog.set_level(logging.INFO)
    recorder = Recorder()
    task = asyncio.create_task(recorder.ask(stall, exchange()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closing(recorder).status == DEFAULTS["cancelled"].status
    assert [r.levelname for r in caplog.records if r.name == "pi_server.provider"] == ["INFO"]


def test_a_send_abandoned_with_its_loop_is_closed() -> None:
    """Even a coroutine closed after its loop has ended leaves its closing record."""
    recorder = Recorder()

    async def forever(_: Exchange) -> WireResponse:
        await asyncio.Future()
        return ANSWER

    async def start() -> Coroutine[object, None, WireResponse]:
        sending = recorder.ask(forever, exchange())
        sending.send(None)
        return sending

    asyncio.run(start()).close()
    assert closing(recorder).status == DEFAULTS["cancelled"].status


async def test_a_bug_is_closed_as_an_internal_fault(caplog: pytest.LogCaptureFixture) -> None:
    """An undeclared exception closes the record with 500 and goes on unchanged; its text stays out of the records."""

    async def bug(_: Exchange) -> WireResponse:
        raise KeyError("hunter2")

    recorder = Recorder()
    with pytest.raises(KeyError):
        await recorder.ask(bug, exchange())
    assert closing(recorder).status == 500
    assert "hunter2" not in recorder.text.decode() + caplog.text


@pytest.mark.parametrize("level", ["off", "full"])
async def test_the_reason_has_a_twin_in_the_error_log(level: Level, caplog: pytest.LogCaptureFixture) -> None:
    """The error log tells endpoint and reason on one masked line, at every level, and never as {API_LOG}."""

    async def refuse(_: Exchange) -> WireResponse:
        raise ProviderFault("fault", "no\nbalance password=hunter2", names=("INSUFFICIENT",))

    send = Recorder().log.link(level, status_of)(refuse)
    with pytest.raises(ProviderFault):
        await send(exchange(of=call("id-1")))
    (twin,) = caplog.records
    assert (twin.name, twin.levelname) == ("pi_server.provider", "ERROR")
    assert twin.getMessage() == "bank: fault INSUFFICIENT: no\\u000abalance password=***"


async def test_success_has_no_twin(caplog: pytest.LogCaptureFixture) -> None:
    """An answered exchange leaves nothing in the error log."""
    await Recorder().ask(answer, exchange())
    assert caplog.records == []
