"""What an operator should hear of at once, at whatever hour."""

from dataclasses import dataclass
from typing import Literal

AlertKind = Literal["breaker_open", "breaker_closed", "certificate_ends"]


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened, to what (``account_withdrawal.bank at https://...``), and why."""

    kind: AlertKind
    subject: str
    reason: str


def unheard(_: Alert) -> None:
    """Where nobody listens."""
