"""What providers did that no rule of a status map speaks of: counted, so that the missing rules can be written."""

import json
import logging
from collections import Counter
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


class Unforeseen:
    """Counts failures by their shape; ``declared`` are Faults, by provider and name, which may come one day."""

    def __init__(self) -> None:
        self.declared: dict[tuple[str, str], None] = {}  # in order
        self._counts = Counter[Shape]()

    @property
    def counts(self) -> dict[Shape, int]:
        """How often each shape was met, the most frequent first."""
        return dict(self._counts.most_common())

    def count(self, provider: str, fault: ProviderFault, told: str) -> None:
        """Count one; the first of a shape in which the provider itself said something leaves a line in the log.

        ``told`` is what consumers hear of it.
        """
        shape = Shape(provider, fault.kind, fault.status, fault.names[-1] if fault.names else "")
        if shape not in self._counts and len(self._counts) >= SHAPES:
            shape = OTHER
        self._counts[shape] += 1
        if self._counts[shape] == 1 and fault.kind in ("status", "fault"):
            _log.warning("no rule of files/faults.yaml has when: %s; consumers are told %s", shape.when, told)
