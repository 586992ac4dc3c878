"""One try at a provider, with both its legs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pi_server.domain.call import Call
from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.faults import ProviderFailure, ProviderFault
from pi_server.domain.message import WireRequest, WireResponse

_EARLY = 0.001  # seconds by which a timer may fire before its time


class Endpoint(NamedTuple):
    """A foreign endpoint as logs name it: its address, its own name, and the organisation behind it.

    What it is sent and what it answers is on record without payloads when it is ``discreet``.
    """

    address: str
    name: str
    company: str
    discreet: bool = False


class Exchange(NamedTuple):
    """A request on its way to a provider: for which call, to which endpoint, until when.

    It may be followed by another when it is ``repeatable``, even though it was sent.  ``begun`` is when the first of
    them began, on the loop's clock, and ``waits`` holds where the time has gone since, in seconds.
    """

    call: Call
    endpoint: Endpoint
    request: WireRequest
    deadline: Deadline = NEVER
    repeatable: bool = False
    begun: float = 0.0
    waits: tuple[tuple[str, float], ...] = ()

    def again(self, now: float) -> "Exchange":
        """The one that follows when this failed: all the time until now went into earlier tries."""
        return self._replace(waits=(("earlier tries", now - self.begun),))

    def waited(self, where: str, seconds: float) -> "Exchange":
        """The same after another wait."""
        return self._replace(waits=(*self.waits, (where, seconds)))

    def spent(self, *more: tuple[str, float]) -> str:
        """Where the time went, for the log: ``queue 0.400 s, connect 2.600 s``."""
        return ", ".join([f"{where} {seconds:.3f} s" for where, seconds in (*self.waits, *more)])


Send = Callable[[Exchange], Awaitable[WireResponse]]
"""The shape of every outbound link and of the transport: an exchange in, a response out, or `ProviderFault`."""


def as_fault(error: BaseException, exchange: Exchange) -> BaseException:
    """What ended the exchange: a cancellation, too, is a fault of a kind; a bug is not."""
    if isinstance(error, ProviderFault):
        return error
    if not isinstance(error, asyncio.CancelledError | TimeoutError | KeyboardInterrupt | SystemExit | GeneratorExit):
        return error
    kind: ProviderFailure = "timeout" if isinstance(error, TimeoutError) or _over(exchange) else "cancelled"
    reason = "no answer before the deadline" if kind == "timeout" else "the call was given up"
    return ProviderFault(kind, f"{reason} ({exchange.spent()})" if exchange.waits else reason)


def _over(exchange: Exchange) -> bool:
    """Whether the exchange or its call had no time left."""
    try:
        now = asyncio.get_running_loop().time() + _EARLY
    except RuntimeError:  # closed after its loop had ended
        return False
    return exchange.deadline.passed(now) or exchange.call.deadline.passed(now)
