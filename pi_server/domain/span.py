"""Spans: what a collector of traces is told of a call and of its exchanges, and the ids that tie them together."""

import re
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from hashlib import sha256
from random import getrandbits
from typing import Literal, NamedTuple

from pi_server.domain.call import Call

_VALID = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_is_trace = re.compile("(?!0{32})[0-9a-f]{32}").fullmatch
_LONGEST = 1000  # characters of what somebody else chose


class Traceparent(NamedTuple):
    """W3C's header of this name: the trace, the span that asks, and its flags, all in hexadecimal."""

    trace: str
    span: str
    flags: str

    @property
    def sampled(self) -> bool:
        """Whether who asks keeps spans of this trace."""
        return bool(int(self.flags, 16) & 1)


def traceparent(told: str) -> Traceparent | None:
    """What the header says; of one that is not valid nothing, as if it were not there."""
    known = _VALID.fullmatch(told)
    return Traceparent(*known.group(1, 2, 3)) if known and (known[4] is None or not told.startswith("00")) else None


def trace_of(call: Call) -> str:
    """The trace of the consumer; else the correlation id where it can be one, or what follows from it."""
    if call.trace:
        return call.trace[:32]
    id_ = call.correlation_id
    return id_ if _is_trace(id_) else sha256(id_.encode()).hexdigest()[:32]


def new_span_id() -> str:
    """A random 64-bit id in hexadecimal."""
    return f"{getrandbits(64) or 1:016x}"


class Serving(NamedTuple):
    """The span of the call that is being served: its id, and whether it and those below it are kept."""

    id: str
    sampled: bool


current_span: ContextVar[Serving | None] = ContextVar("current_span", default=None)
"""Where spans are sent, that of the call that is served."""


class Span(NamedTuple):
    """A span that ends now: of a call (``server``) or of an exchange (``client``), by OpenTelemetry's words.

    ``parent`` is empty where a trace begins; ``begun`` are nanoseconds since 1970; it is ``failed`` if an operator
    should look at it.
    """

    kind: Literal["server", "client"]
    name: str
    trace: str
    id: str
    parent: str
    begun: int
    failed: bool
    attributes: Mapping[str, str | int]


Record = Callable[[Span], None]
"""Takes a span at once, and never raises."""


def shown(text: str) -> str:
    """What somebody else chose, as a collector can take it."""
    return text[:_LONGEST].encode(errors="replace").decode()
