"""Tokens of a test's own."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pi_server.domain.call import Call
from pi_server.domain.consumer import Consumer

_REALM = "test"


class FakeIssuer:
    """Stands in a test where a service has a `TokenIssuer`.

    Its tokens are real ones, signed with a key of its own, so that what the server refuses to issue is refused here
    too; `call` reads them as the chain would.  ``clock`` gives POSIX seconds (`FakeClock.wall`).
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Make a key."""
        from secrets import token_bytes  # a test without tokens need not pay for cryptography

        from pi_server.auth.jwt_authority import open_jwt
        from pi_server.auth.keyring import KeyRing
        from pi_server.config.consumer_sections import JwtSection

        authority = open_jwt(JwtSection(), KeyRing([token_bytes(48)]), _Revoked(), _no_fetch, clock)
        self._issuer = authority.issuer(_REALM)
        self._verify = authority.verifier.verify

    @property
    def lifetime(self) -> float:
        """Seconds a token is good for."""
        return self._issuer.lifetime

    def issue(self, user: str, *, scopes: Sequence[str] = (), claims: Mapping[str, Any] | None = None) -> str:
        """A token for ``user``; ValueError and TypeError as from the server's own issuer."""
        return self._issuer.issue(user, scopes=scopes, claims=claims)

    async def revoke(self, token: str) -> None:
        """End one token."""
        await self._issuer.revoke(token)

    async def close(self, call: Call) -> None:
        """End the token the call came with."""
        await self._issuer.close(call)

    def cookie(self, token: str) -> str:
        """The header ``Set-Cookie`` for ``token``, as on plain http."""
        return self._issuer.cookie(token)

    def call(self, token: str) -> Call:
        """A new call that comes with ``token``, as the chain would hand it on.

        Raises:
            Unauthenticated: the token is over, revoked, or of another issuer.
        """
        consumer = self._verify(token, _REALM)
        if not isinstance(consumer, Consumer):  # only keys of other servers are waited for
            raise TypeError("a token of an issuer that is asked over the network")
        return Call(consumer=consumer)


class _Revoked:
    """The revocations of one test."""

    def __init__(self) -> None:
        self._ended: set[tuple[str, str]] = set()

    def revoked(self, kind: str, id: str, user: str, issued: float) -> bool:  # noqa: A002
        return (kind, id) in self._ended

    async def revoke(self, kind: str, id: str) -> None:  # noqa: A002
        self._ended.add((kind, id))

    async def revoke_user(self, user: str) -> None:
        raise NotImplementedError(f"an issuer ends single tokens, not all of {user}")


async def _no_fetch(url: str) -> bytes:
    raise OSError(f"a test asks nobody for keys, not even {url}")
