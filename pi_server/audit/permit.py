"""Whether an exchange may begin: only if its request record is on file."""

import asyncio
from types import TracebackType

from pi_server.domain.faults import Refused


class Permit:
    """A block of one task that ends, as if it had never begun, when the record before it cannot be written.

    The record is written after the block has begun, but before anything that is sent in it leaves.
    """

    __slots__ = ("_before", "_loop", "_over", "_task", "refused")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Nothing is refused yet; to ask for the running ``loop`` is a system call on Python before 3.12."""
        self._loop = loop
        self._task: asyncio.Task[object] | None = None
        self._before = 0
        self._over = False
        self.refused = False

    def refuse(self) -> bool:
        """The record cannot be written: end the block; False when it is over."""
        if self._over:
            return False
        self.refused = True
        if self._task is not None:
            self._task.cancel()
        return True

    def __enter__(self) -> None:
        if self.refused:
            raise _refused()
        self._task = asyncio.current_task(self._loop)
        self._before = self._task.cancelling() if self._task else 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        if self.refused and self._task is not None and self._task.uncancel() <= self._before:
            raise _refused() from error


def _refused() -> Refused:
    return Refused("unrecorded", "its record cannot be written", retry_after=1.0)
