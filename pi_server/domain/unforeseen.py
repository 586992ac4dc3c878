"""What providers did that no rule of a status map speaks of: counted, so that the missing rules can be written."""

import json
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import NamedTuple

from pi_server.domain.faults import ProviderFault

SHAPES = 200
"""Shapes that are told apart; what a provider makes up beyond them is counted as one."""

_log = logging.getLogger("pi_server.faults")


class Shape(NamedTuple):
    """How a failure looks to a rule; ``fault`` is the most special of the names of a SOAP Fault."""

    provider: str
    kind: str
    status: int | None = None
    fault: str = ""

    @property
    def when(self) -> str:
        """The condition of a rule for it, as it would stand in ``files/faults.yaml``."""
        told = {"fault": json.dumps(self.fault)} if self.fault else {"status": self.status} if self.status else {}
        named = {"provider": self.provider, **(told or {"kind": self.kind})}
        return f"{{{', '.join(f'{name}: {value}' for name, value in named.items())}}}"


OTHER = Shape("", "other")
"""Stands for all shapes beyond the first `SHAPES`."""


@dataclass(slots=True)
class Seen:
    """How often a shape was met, the first and the last time (seconds since the epoch), and in which call the last."""

    count: int
    first: float
    last: float
    correlation_id: str


class Unforeseen:
    """Counts failures by their shape; ``declared`` are Faults, by provider and name, which may come one day."""

    def __init__(self, wall: Callable[[], float] = time) -> None:
        self.declared: dict[tuple[str, str], None] = {}  # in order
        self.seen: dict[Shape, Seen] = {}
        self._wall = wall

    @property
    def counts(self) -> dict[Shape, int]:
        """How often each shape was met, the most frequent first."""
        return dict(Counter({shape: seen.count for shape, seen in self.seen.items()}).most_common())

    def count(self, provider: str, fault: ProviderFault, told: str, correlation_id: str = "") -> None:
        """Count one; the first of a shape in which the provider itself said something leaves a line in the log.

        ``told`` is what consumers hear of it.
        """
        now = self._wall()
        shape = Shape(provider, fault.kind, fault.status, fault.names[-1] if fault.names else "")
        if shape not in self.seen and len(self.seen) >= SHAPES:
            shape = OTHER
        seen = self.seen.setdefault(shape, Seen(0, now, now, ""))
        seen.count, seen.last, seen.correlation_id = seen.count + 1, now, correlation_id
        if seen.count == 1 and fault.kind in ("status", "fault"):
            _log.warning("no rule of files/faults.yaml has when: %s; consumers are told %s", shape.when, told)
