"""Ending what takes too long."""

import asyncio

import pytest

from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.watch import TICK, Watch


def _soon(seconds: float) -> Deadline:
    return Deadline(asyncio.get_running_loop().time() + seconds)


async def test_a_block_that_takes_too_long_is_ended() -> None:
    """The block is cancelled and its owner sees a TimeoutError, not earlier than the deadline."""
    watch, loop = Watch(), asyncio.get_running_loop()
    deadline = _soon(0.1)
    limit = watch.until(deadline)
    with pytest.raises(TimeoutError), limit:
        await asyncio.sleep(30)
    assert limit.expired
    assert deadline.at <= loop.time() < deadline.at + 15  # without an end it is thirty seconds
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0  # the task itself goes on


async def test_a_block_that_ends_in_time_is_left_alone() -> None:
    """Nothing happens to it, then or later."""
    watch = Watch()
    with watch.until(_soon(0.5)) as limit:
        await asyncio.sleep(0)
    await asyncio.sleep(0.5 + 3 * TICK)
    assert not limit.expired


async def test_an_error_of_the_block_stays_its_own() -> None:
    """A TimeoutError or cancellation that is not the watch's passes unchanged."""
    watch = Watch()
    with pytest.raises(TimeoutError, match="mine"), watch.until(NEVER) as limit:
        raise TimeoutError("mine")
    assert not limit.expired


async def test_a_cancellation_from_outside_stays_one() -> None:
    """Who cancels the task gets a cancelled task."""
    watch = Watch()

    async def work() -> None:
        with watch.until(NEVER):
            await asyncio.sleep(30)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_inner_of_two_limits_ends_its_own_block_only() -> None:
    """A provider's shorter time does not end the call around it."""
    watch = Watch()
    with watch.until(_soon(30)) as outer:
        with pytest.raises(TimeoutError), watch.until(_soon(0.05)):
            await asyncio.sleep(30)
        await asyncio.sleep(0)
    assert not outer.expired


@pytest.mark.parametrize("tasks", [1, 50])
async def test_each_of_many_ends_at_its_own_deadline(tasks: int) -> None:
    """One watch keeps any number of tasks apart."""
    watch = Watch()

    async def work(number: int) -> bool:
        try:
            with watch.until(_soon(0.02 if number % 2 else 30)):
                await asyncio.sleep(30 if number % 2 else 0.2)
        except TimeoutError:
            return True
        return False

    ended = await asyncio.gather(*(work(number) for number in range(tasks)))
    assert ended == [bool(number % 2) for number in range(tasks)]


async def test_without_anything_to_watch_no_timer_runs() -> None:
    """An idle server is not woken."""
    watch = Watch()
    with watch.until(NEVER):
        pass
    await asyncio.sleep(3 * TICK)
    assert not watch.looking
