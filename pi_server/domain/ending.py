"""Whether a task is being ended, or foreign code only raised what looks like it."""

import asyncio


def is_ending(error: BaseException) -> bool:
    """Whether ``error`` ends the current task itself and must go on, whatever else catches it.

    A plugin may raise ``SystemExit``, or await what somebody cancelled: neither is a reason to end anything else.
    """
    task = asyncio.current_task()
    cancelled = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return cancelled or isinstance(error, GeneratorExit)
