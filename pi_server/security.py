"""Sessions, passwords, tokens and what guards people's data, for plugins: capabilities are fields of a service."""

from pi_server.domain.attempts import Allowance, Attempts
from pi_server.domain.audit import Audit
from pi_server.domain.faults import Unrecorded
from pi_server.domain.security import Opened, Passwords, Sealer, Session, Sessions, TokenIssuer, Verdict

__all__ = [
    "Allowance",
    "Attempts",
    "Audit",
    "Opened",
    "Passwords",
    "Sealer",
    "Session",
    "Sessions",
    "TokenIssuer",
    "Unrecorded",
    "Verdict",
]
