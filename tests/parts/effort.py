"""What a piece of work costs the processor, judged so that neither a slow machine nor a busy one fails a test."""

import gc
import time
from collections.abc import Callable

_FLOOR = 0.2  # seconds that are allowed to anything: below them a measurement is chance
_MARGIN = 3
_TRIES = 3


def seconds(work: Callable[[], object]) -> float:
    """How long this thread computes, without what the collector does for all the other tests of this process."""
    gc.disable()
    try:
        start = time.thread_time()
        work()
        return time.thread_time() - start
    finally:
        gc.enable()


def assert_linear(small: Callable[[], object], large: Callable[[], object], times: int) -> None:
    """``large``, the work of ``small`` on ``times`` as much, takes that much longer, and not its square.

    Both are measured on the same machine, one after the other; once may be the machine, thrice is the square.
    """
    tried: list[str] = []
    for _ in range(_TRIES):
        allowed = _MARGIN * max(times * seconds(small), _FLOOR)
        taken = seconds(large)
        if taken < allowed:
            return
        tried.append(f"{taken} s where {allowed} s are allowed")
    raise AssertionError(", ".join(tried))
