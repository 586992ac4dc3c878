"""What holds of a question whatever a driver makes of it."""

import asyncio
import gc
import logging
from contextlib import suppress

import pytest

from pi_server.stores import let_finish
from pi_server.stores.let_finish import LetFinish


class Stubborn:
    """A driver that ends when it is told to, and not when it is cancelled."""

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.cancelled = 0

    async def question(self) -> str:
        """Answer once told to."""
        while not self.told.is_set():
            try:
                await self.told.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
        return "an answer"


async def _refused() -> str:
    raise ConnectionError("refused")


async def test_an_answer_and_a_failure_are_passed_on() -> None:
    """As if the question had been asked directly."""
    driver = LetFinish(5)
    stubborn = Stubborn()
    stubborn.told.set()
    assert await driver.answer(stubborn.question()) == "an answer"
    with pytest.raises(ConnectionError, match="refused"):
        await driver.answer(_refused())


async def test_nobody_waits_beyond_the_limit_and_no_question_is_interrupted() -> None:
    """It ends later, by itself, and is forgotten then."""
    driver, stubborn = LetFinish(0.05), Stubborn()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(driver.answer(stubborn.question()), 5)
    assert stubborn.cancelled == 0
    stubborn.told.set()
    await asyncio.wait_for(driver.last(asyncio.sleep(0)), 5)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_who_goes_away_goes_at_once_and_the_question_goes_on() -> None:
    """What the driver says afterwards, even that it failed, is nobody's business."""
    driver, stubborn = LetFinish(60), Stubborn()
    asking = asyncio.create_task(driver.answer(stubborn.question()))
    failing = asyncio.create_task(driver.answer(_failing_after(stubborn)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for one in (asking, failing):
        one.cancel()
    done, _ = await asyncio.wait((asking, failing), timeout=5)
    assert len(done) == 2
    assert asking.cancelled()
    assert failing.cancelled()
    assert stubborn.cancelled == 0
    stubborn.told.set()
    await asyncio.wait_for(driver.last(asyncio.sleep(0)), 5)


async def _failing_after(stubborn: Stubborn) -> str:
    await stubborn.question()
    raise ConnectionError


async def test_a_failure_left_behind_is_not_told_as_if_it_had_been_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    """Or asyncio would write of an exception that was never retrieved."""
    driver, stubborn = LetFinish(0.02), Stubborn()
    with pytest.raises(TimeoutError):
        await driver.answer(_failing_after(stubborn))
    stubborn.told.set()
    await driver.last(_failing_after(stubborn))
    gc.collect()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_an_end_that_does_not_come_is_not_waited_for() -> None:
    """Neither that of the driver, nor that of questions left behind."""
    driver, stubborn = LetFinish(0.05), Stubborn()
    with suppress(TimeoutError):
        await driver.answer(stubborn.question())
    await asyncio.wait_for(driver.last(asyncio.Event().wait()), 5)
    await asyncio.sleep(0)
    assert stubborn.cancelled == 1
    stubborn.told.set()


async def test_questions_that_never_end_are_not_heaped_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number the driver is asked no more, until some have ended."""
    monkeypatch.setattr(let_finish, "_MOST", 3)
    driver, stubborn = LetFinish(0.02), Stubborn()
    for _ in range(5):
        with pytest.raises(TimeoutError):
            await driver.answer(stubborn.question())
    assert len(asyncio.all_tasks()) == 1 + 3
    stubborn.told.set()
    await driver.last(asyncio.sleep(0))
    assert await driver.answer(stubborn.question()) == "an answer"
