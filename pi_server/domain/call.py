"""One consumer request being served."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from random import getrandbits
from typing import TYPE_CHECKING

from pi_server.domain.consumer import ANONYMOUS, Consumer
from pi_server.domain.deadline import NEVER, Deadline

if TYPE_CHECKING:
    from pi_server.domain.operation import Operation


CORRELATION_HEADER = "activityid"
"""The header that carries the correlation id: to the consumer in every answer, to providers in every request."""


def new_correlation_id() -> str:
    """A random 128-bit id in hexadecimal; it has to be unique, not secret, and so costs no system call."""
    return f"{getrandbits(128):032x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What an operation may know about the request it serves.

    ``correlation_id`` ties all records of this call together, ``source`` is the address it came from, and ``deadline``
    is when its consumer gets a timeout fault; it is ``hurried`` when the consumer itself has no more time.  All calls
    with which a consumer repeats an operation that is ``once`` have one ``reference``, which is nobody else's; it is
    empty where the consumer gave no key to know them by.  ``languages`` are those its consumer
    reads, as in Accept-Language.  ``trace`` is the trace it belongs to, if its consumer said so: id and flags, as in
    W3C's ``traceparent``.
    ``Call()`` is a complete value, so operations can be called in tests.
    """

    correlation_id: str = field(default_factory=new_correlation_id)
    consumer: Consumer = ANONYMOUS
    source: str = ""
    deadline: Deadline = NEVER
    operation: Operation | None = None
    hurried: bool = False
    reference: str = ""
    languages: str = ""
    trace: str = ""


current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)
