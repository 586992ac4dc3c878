"""Signs the server's own tokens."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pi_server.auth.jwt_keys import JwtKey
from pi_server.auth.jwt_reading import LONGEST_TOKEN
from pi_server.auth.jwt_verifying import JwtVerifier, Verified
from pi_server.config.consumer_sections import JwtSection
from pi_server.domain.call import Call
from pi_server.domain.faults import Unauthenticated
from pi_server.domain.security import Revocations

_OWN: Final = frozenset({"iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "scp"})


class RealmIssuer:
    """A `TokenIssuer`: its tokens (``typ`` is ``at+jwt``) are good in one realm, and revoked only through it.

    Times are fractions of a second, so that a token issued right after everything of its user was revoked is good.
    """

    def __init__(
        self,
        realm: str,
        key: JwtKey,
        verifier: JwtVerifier,
        revocations: Revocations,
        section: JwtSection,
        *,
        secure: bool,
        clock: Callable[[], float],
    ) -> None:
        """``key`` can sign, ``secure`` says that consumers come by https, ``clock`` gives POSIX seconds."""
        self._realm = realm
        self._key = key
        self._verifier = verifier
        self._revocations = revocations
        self._name = section.issuer
        self._lifetime = section.lifetime
        self._cookie = section.cookie
        self._flags = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")
        self._clock = clock
        self._header = _part({"alg": key.algorithm, "kid": key.id, "typ": "at+jwt"})

    @property
    def lifetime(self) -> float:
        """Seconds a token is good for."""
        return self._lifetime

    def issue(self, user: str, *, scopes: Sequence[str] = (), claims: Mapping[str, Any] | None = None) -> str:
        """A token for ``user``.

        Raises:
            ValueError: a claim would replace one of the server's own, the user or a scope has no name that fits into
                a token, or the token would be longer than the server takes.
            TypeError: a claim is nothing JSON can hold.
        """
        _check(user, scopes, claims or {})
        text = self._header + b"." + _part({**(claims or {}), **self._own(user, scopes)})
        token = (text + b"." + _base64(self._key.sign(text))).decode("ascii")
        if len(token) > LONGEST_TOKEN:
            raise ValueError("the claims make the token longer than 8 KiB")
        return token

    async def revoke(self, token: str) -> None:
        """End one token everywhere within a second; anything that is no valid token is none to end."""
        try:
            verified = self._verifier.examine(token, self._realm)
            found = verified if isinstance(verified, Verified) else await verified
        except Unauthenticated:
            return
        await self._revocations.revoke("jwt", found.id)

    async def close(self, call: Call) -> None:
        """End the token the call came with, if it came with one of this realm."""
        consumer = call.consumer
        if consumer.kind == "jwt" and consumer.realm == self._realm:
            await self._revocations.revoke("jwt", consumer.sign_in)

    def cookie(self, token: str) -> str:
        """The header ``Set-Cookie`` for ``token``, or for none any more; scripts of a page cannot read it."""
        return f"{self._cookie}={token}; Max-Age={int(self._lifetime) if token else 0}{self._flags}"

    def _own(self, user: str, scopes: Sequence[str]) -> dict[str, Any]:
        now = self._clock()
        return {
            "iss": self._name,
            "aud": self._realm,
            "sub": user,
            "iat": now,
            "nbf": now,
            "exp": now + self._lifetime,
            "jti": secrets.token_urlsafe(16),
            "scope": " ".join(scopes),
        }


def _check(user: str, scopes: Sequence[str], claims: Mapping[str, Any]) -> None:
    taken = sorted(_OWN.intersection(claims))
    if taken:
        raise ValueError(f"these claims are the server's own: {', '.join(taken)}")
    if not user or not user.isprintable():
        raise ValueError("a user's name is printable, and not empty")
    if not all(scope.isprintable() and scope.strip() and " " not in scope for scope in scopes):
        raise ValueError("a scope is a printable word without spaces")


def _part(value: Mapping[str, Any]) -> bytes:
    return _base64(json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii"))


def _base64(value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=")
