"""What answers in place of a provider outside production, and how it misbehaves."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Mode = Literal["live", "mock", "record", "replay"]
Misdeed = Literal["delay", "timeout", "fault", "half-body", "wrong-type", "status", "reset"]


@dataclass(frozen=True, slots=True)
class Play:
    """Who answers (``mode``), and what is done in the place of a good answer, or before it.

    ``seconds`` belong to a delay, ``code`` to a Fault, ``status`` to a status.
    """

    mode: Mode = "live"
    misdeed: Misdeed | None = None
    seconds: float = 0.0
    code: str = ""
    status: int = 0

    @property
    def asks_provider(self) -> bool:
        """Whether the provider itself hears of it."""
        return self.mode in ("live", "record") and self.misdeed in (None, "delay")

    @property
    def label(self) -> str:
        """What logs put before the endpoint's address: nothing where the provider itself answers, as it likes."""
        if self.misdeed:
            return "fault:"
        return f"{self.mode}:" if self.mode in ("mock", "replay") else ""


asked_play: ContextVar[Play | None] = ContextVar("asked_play", default=None)
"""What the consumer of the current call asked for, in the place of what is configured."""
