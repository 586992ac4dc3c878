"""What the rooms, and plugins, may ask of sessions, passwords and tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pi_server.domain.call import Call


class Sealer(Protocol):
    """Encrypts and authenticates what is kept: declare ``sealer: Sealer`` in a service to have it.

    It is for one purpose, that of the service's field; what another purpose sealed does not open.
    """

    def seal(self, plain: bytes, /) -> str:
        """URL-safe text that only this server's keys open; the newest key seals."""
        ...

    def unseal(self, sealed: str, /) -> Opened | None:
        """What was sealed, or None for anything else, whatever it is."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """What a `Sealer` found; ``fresh`` is False when an older key sealed it, so that it should be sealed anew."""

    plain: bytes
    fresh: bool


class Revocations(Protocol):
    """What is valid no more; answered from memory, and never older than a second."""

    def revoked(self, kind: str, id: str, user: str, issued: float) -> bool:  # noqa: A002
        """Whether the session or token was revoked by its id, or with everything its user held at a later moment.

        ``kind`` is ``session`` or ``jwt``, ``user`` is qualified by its realm (``realm/name``), ``issued`` a POSIX
        time in seconds.

        Raises:
            StoreUnavailable: nothing is known for too long, and the configuration says to refuse then.
        """
        ...

    async def revoke(self, kind: str, id: str) -> None:  # noqa: A002
        """End one session or token, here at once and on every worker within a second."""
        ...

    async def revoke_user(self, user: str) -> None:
        """End all sessions and tokens issued to ``realm/name`` up to now."""
        ...


@dataclass(frozen=True, slots=True)
class Session:
    """An open session: whose, since when (UTC), until when at most, and what the plugin keeps in it."""

    id: str
    user: str
    opened: datetime
    expires: datetime
    data: Mapping[str, Any]
    scopes: frozenset[str] = frozenset()


class Sessions(Protocol):
    """The sessions of one realm: declare ``sessions: Sessions`` in a service to have them.

    A session lives in a cookie, set on the answer of the call that opened or changed it.  The realm is the service (or
    ``services.<name>.realm``), so a session opened by one service is nothing in another.
    """

    async def current(self, call: Call) -> Session | None:
        """The session of the consumer that calls; None without a valid one."""
        ...

    async def open(
        self, call: Call, user: str, *, data: Mapping[str, Any] | None = None, scopes: Sequence[str] = ()
    ) -> Session:
        """Sign ``user`` in under a new id; a session the call came with ends.

        Raises:
            ValueError: with its data the session is too large for a cookie (3,800 bytes).
        """
        ...

    async def change(self, call: Call, data: Mapping[str, Any]) -> Session:
        """Keep other data in the current session; `Unauthenticated` without one, ValueError if it is too large."""
        ...

    async def close(self, call: Call) -> None:
        """Sign out: the current session ends everywhere, and its cookie is removed."""
        ...

    async def end(self, session: str) -> None:
        """End the session of that id on all workers, within a second; whose it is, you have to know."""
        ...

    async def close_all(self, user: str) -> None:
        """End every session and token of ``user`` in this realm, on all workers, within a second."""
        ...


class Passwords(Protocol):
    """Argon2id, off the event loop, a few at a time: declare ``passwords: Passwords`` in a service to have it."""

    async def hash(self, password: str) -> str:
        """The hash to keep; `Busy` when too many wait."""
        ...

    async def verify(self, hashed: str | None, password: str) -> Verdict:
        """Whether the password is the one; with None, for an unknown user, it takes as long and never is.

        Raises:
            Busy: too many wait.
        """
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """``rehash`` says that the hash was made with weaker parameters than today's, and should be replaced."""

    right: bool
    rehash: bool = False


class TokenIssuer(Protocol):
    """Signs tokens of one realm: declare ``issuer: TokenIssuer`` in a service to have it."""

    def issue(self, user: str, *, scopes: Sequence[str] = (), claims: Mapping[str, Any] | None = None) -> str:
        """A short-lived JWT for ``user``, good in this realm only; ``claims`` are added to the server's own.

        Raises:
            ValueError: a claim would replace one of the server's own.
        """
        ...

    async def revoke(self, token: str) -> None:
        """End one token everywhere within a second; anything that is no valid token is none to end."""
        ...

    async def close(self, call: Call) -> None:
        """Sign out: the token the call came with ends everywhere within a second; without one, nothing does."""
        ...

    def cookie(self, token: str) -> str:
        """The header ``Set-Cookie`` that has a browser keep ``token`` as long as it is good, or forget it (``""``)."""
        ...

    @property
    def lifetime(self) -> float:
        """Seconds a token is good for."""
        ...
