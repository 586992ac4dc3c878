"""Sessions, passwords and tokens for plugins: capabilities are fields of a service."""

from pi_server.domain.security import Passwords, Session, Sessions, TokenIssuer, Verdict

__all__ = ["Passwords", "Session", "Sessions", "TokenIssuer", "Verdict"]
