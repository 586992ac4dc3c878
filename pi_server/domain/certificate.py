"""A certificate that a provider is reached with, and how long it is good."""

from dataclasses import dataclass
from datetime import datetime, timedelta

SOON = timedelta(days=30)
"""How long before its end a certificate is warned of."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of the configuration: the key that names it, whose it is, and its end."""

    key: str
    subject: str
    end: datetime

    def warning(self, now: datetime) -> str:
        """What an operator is to be told ``now``; empty while there is time enough."""
        if self.end - now > SOON:
            return ""
        when = f"ended on {self.end:%Y-%m-%d}" if self.end <= now else f"ends on {self.end:%Y-%m-%d}"
        return f"{self.key}: the certificate of {self.subject} {when}"
