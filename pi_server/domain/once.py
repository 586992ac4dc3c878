"""What is known of something that must happen only once, and what follows from it.

    free ───────▶ running ──▶ done       the answer is final, and every repeat gets it
     ▲               │ └────▶ free       it is certain that nothing was sent
     │               └──────▶ unknown    anything else; also when the time of a running one is over
     │ it did not               │
     └──────── running ◀────────┘        somebody asks the provider: done, free, or still unknown

A state is left only by whoever saw it: the store replaces a value only in the place of the one that was read.  Free is
the absence of a state.
"""

from dataclasses import dataclass
from hmac import compare_digest
from typing import Final, Literal

from pydantic import Base64Bytes

from pi_server.domain.faults import Fault, ProviderFault
from pi_server.domain.trail import Trail

_DEEPEST: Final = 100  # causes of causes: an exception may be its own


@dataclass(frozen=True, slots=True)
class Answer:
    """What the consumer was told, byte for byte."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: Base64Bytes  # as it is written where there are no bytes


@dataclass(frozen=True, slots=True)
class Running:
    """Somebody does it, or asks whether it was done, until a POSIX time in seconds at most.

    ``digest`` is in every state that of the request which began it.
    """

    digest: str
    until: float
    state: Literal["running"] = "running"


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have happened."""

    digest: str
    state: Literal["unknown"] = "unknown"


@dataclass(frozen=True, slots=True)
class Done:
    """It was decided."""

    digest: str
    answer: Answer
    state: Literal["done"] = "done"


Known = Running | Unknown | Done

Step = Literal["run", "repeat", "wait", "ask", "refuse"]
"""What a request does that finds a state: run, repeat its answer, wait, ask the provider, or be refused."""


def step(known: Known | None, digest: str, now: float) -> Step:
    """What a request with ``digest`` does about what is known, None for nothing; ``now`` is a POSIX time."""
    if known is None:
        return "run"
    if not compare_digest(known.digest, digest):
        return "refuse"
    match known:
        case Done():
            return "repeat"
        case Running() if now < known.until:
            return "wait"
        case _:
            return "ask"


Outcome = Literal["final", "nothing", "unknown"]
"""What a failure proves: that it was decided, that nothing was sent, or neither."""


def outcome(error: BaseException, trail: Trail) -> Outcome:
    """What it proves that a call failed with ``error``.

    A refusal below 500 is final: the operation decided it, or a provider answered.  A 5xx proves nothing, and neither
    does what a provider did not answer, whatever status that was given; unless nothing was sent at all.
    """
    if not trail.begun:
        return "nothing"
    refused = isinstance(error, Fault) and 400 <= error.status < 500
    failed = _provider_fault(error)
    if failed is None or failed.kind in ("status", "fault", "business"):
        return "final" if refused else "unknown"
    return "nothing" if trail.nothing_left(failed) else "unknown"


def _provider_fault(error: BaseException | None) -> ProviderFault | None:
    """What a provider did, where that led to ``error``."""
    for _ in range(_DEEPEST):
        if error is None or isinstance(error, ProviderFault):
            return error
        error = error.__cause__ or error.__context__
    return None
