"""What an operation that must happen only once has done so far, and whether any of it may have left the server."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

from pi_server.domain.call import Call
from pi_server.domain.faults import ProviderFault
from pi_server.domain.operation import Operation


@dataclass(slots=True)
class Trail:
    """Follows one call; ``reference`` is that of the call.

    ``begun`` tells whether the operation was reached, ``left`` how many exchanges may have changed something at a
    provider: None until somebody counts.
    """

    reference: str
    begun: bool = False
    left: int | None = None

    def sends(self, *, harmless: bool) -> None:
        """An exchange begins: from here on its request may leave."""
        self.left = (self.left or 0) + (not harmless)

    def kept_back(self) -> None:
        """It is certain that the request of an exchange which was not harmless did not leave."""
        self.left = (self.left or 0) - 1

    def nothing_left(self, last: ProviderFault) -> bool:
        """Whether it is certain that no request left; ``last`` is what the call failed with.

        Where an exchange was refused before anybody counted it, the fault itself must say so.
        """
        return not last.sent if self.left is None else self.left == 0


current_trail: ContextVar[Trail | None] = ContextVar("current_trail", default=None)


@contextmanager
def following(trail: Trail) -> Generator[None]:
    """Follow what is done in this block, and in the tasks it starts."""
    before = current_trail.set(trail)
    try:
        yield
    finally:
        current_trail.reset(before)  # one task serves all requests of a connection


def followed(operation: Operation) -> Operation:
    """The operation, telling the trail when it begins, and its call the reference."""
    method = operation.method

    @wraps(method)
    async def begin(service: Any, call: Call, **given: Any) -> Any:
        trail = current_trail.get()
        if trail is None:
            return await method(service, call, **given)
        trail.begun = True
        return await method(service, replace(call, reference=trail.reference), **given)

    return replace(operation, method=begin)
