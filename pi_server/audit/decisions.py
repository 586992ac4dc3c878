"""The log of decisions: one line of JSON for each thing a policy decided; a call nobody decided about leaves none."""

import time
from collections.abc import Callable
from typing import Literal

from pi_server.audit.mask import Mask
from pi_server.audit.one_line import escaped, quoted
from pi_server.audit.stamp import Clock, Stamp, rfc3339_form
from pi_server.domain.decision import Decision

Kept = Literal["off", "refused", "all"]


class DecisionLines:
    """Writes them, of a ``kept`` that is not ``off``: all, or those that kept an exchange from its provider."""

    def __init__(
        self,
        put: Callable[[bytes], None],
        mask: Mask,
        *,
        kept: Kept = "all",
        timezone: str = "local",
        clock: Clock = time.time,
    ) -> None:
        """Hand lines to ``put``."""
        self._put = put
        self._mask = mask
        self._all = kept == "all"
        self._stamp = Stamp(rfc3339_form, timezone, clock)

    def record(self, decision: Decision) -> None:
        """Write one line."""
        if not self._all and decision.decided not in ("refused", "opened", "closed"):
            return
        told = {
            "time": self._stamp(),
            "provider": decision.provider,
            "decision": decision.decided,
            "correlationId": decision.correlation_id,
            "reason": self._mask.payload(decision.reason),
        }
        pairs = ", ".join([f'"{name}": {quoted(value)}' for name, value in told.items()])
        self._put(escaped(f"{{{pairs}}}\n").encode())
