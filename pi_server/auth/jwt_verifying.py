"""Who shows a JSON Web Token: its proof is looked at once, then remembered for a while."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pi_server.auth.jwt_keys import JwtKey
from pi_server.auth.jwt_lifetimes import LONGEST_FOREIGN
from pi_server.auth.jwt_reading import LONGEST_TOKEN, Claims, Shown, read, refusal
from pi_server.domain.consumer import Consumer
from pi_server.domain.security import Revocations

_ROUNDING = 0.001  # seconds; the difference of two times as fractions is not exact


class Keys(Protocol):
    """Where the keys of an issuer are."""

    def get(self, kid: str) -> JwtKey | None:
        """The key of that id, as far as known."""
        ...

    def worth_a_fetch(self, kid: str) -> bool:
        """Whether `refresh` could change what `get` says."""
        ...

    async def refresh(self) -> None:
        """Learn the keys of today."""
        ...


class FixedKeys:
    """Keys that are all known from the start."""

    def __init__(self, keys: Mapping[str, JwtKey]) -> None:
        self._keys = keys

    def get(self, kid: str) -> JwtKey | None:
        """The key of that id."""
        return self._keys.get(kid)

    def worth_a_fetch(self, kid: str) -> bool:
        """Never."""
        return False

    async def refresh(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Somebody whose tokens are taken: the ``iss`` and ``aud`` (empty: the realm) they have, and how long they live.

    They count in ``realms``; None is every one.
    """

    name: str
    keys: Keys
    audience: str = ""
    realms: frozenset[str] | None = None
    longest: float = LONGEST_FOREIGN
    own: bool = False


class Verified(NamedTuple):
    """A token whose proof held: whose it is, and what a revocation would name."""

    consumer: Consumer
    id: str
    user: str
    issued: float
    remembered_until: float


class JwtVerifier:
    """Turns tokens into consumers; every refusal is `Unauthenticated`, with a ``reason`` that holds no part of a token.

    The tokens it remembers are known by digest only, at most ``most`` of them; the one unused for longest goes first.
    """

    def __init__(
        self,
        issuers: Sequence[Issuer],
        revocations: Revocations,
        *,
        leeway: float,
        remember: float,
        clock: Callable[[], float],
        most: int = 10_000,
    ) -> None:
        """``leeway`` and ``remember`` are seconds, ``clock`` gives POSIX seconds; no two issuers have one name."""
        self._issuers = {issuer.name: issuer for issuer in issuers}
        self._revocations = revocations
        self._leeway = leeway
        self._remember = remember
        self._clock = clock
        self._most = most
        self._known: OrderedDict[bytes, Verified] = OrderedDict()

    def verify(self, token: str, realm: str) -> Consumer | Awaitable[Consumer]:
        """The consumer at once; only when a key set must be asked first, something to await that gives it.

        Raises:
            Unauthenticated: here or when awaited, the token is not good in ``realm`` now.
            StoreUnavailable: nobody knows whether it was revoked, and the configuration says to refuse then.
        """
        verified = self.examine(token, realm)
        return self._unrevoked(verified) if isinstance(verified, Verified) else self._unrevoked_later(verified)

    def examine(self, token: str, realm: str) -> Verified | Awaitable[Verified]:
        """As `verify`, without asking whether the token was revoked."""
        digest = _digest(token, realm)
        verified = self._known.get(digest)
        if verified is not None and self._clock() < verified.remembered_until:
            self._known.move_to_end(digest)
            return verified
        shown = read(token)
        issuer = self._issuer(shown.claims)
        if issuer.keys.worth_a_fetch(shown.kid):
            return self._examine_later(shown, issuer, realm, digest)
        return self._prove(shown, issuer, realm, digest)

    def _unrevoked(self, verified: Verified) -> Consumer:
        if self._revocations.revoked("jwt", verified.id, verified.user, verified.issued):
            raise refusal("revoked")
        return verified.consumer

    async def _unrevoked_later(self, verified: Awaitable[Verified]) -> Consumer:
        return self._unrevoked(await verified)

    async def _examine_later(self, shown: Shown, issuer: Issuer, realm: str, digest: bytes) -> Verified:
        await issuer.keys.refresh()
        return self._prove(shown, issuer, realm, digest)

    def _issuer(self, claims: Claims) -> Issuer:
        issuer = self._issuers.get(claims.issuer)
        if issuer is None:
            raise refusal("of an unknown issuer")
        return issuer

    def _prove(self, shown: Shown, issuer: Issuer, realm: str, digest: bytes) -> Verified:
        key = issuer.keys.get(shown.kid)
        if key is None:
            raise refusal("signed with an unknown key")
        if shown.algorithm != key.algorithm:  # the key's record decides; a token only has to agree
            raise refusal("signed with another algorithm than its key's")
        if not key.verifies(shown.signed, shown.signature):
            raise refusal("with a wrong signature")
        now = self._clock()
        _check(shown.claims, issuer, realm, now, self._leeway)
        verified = _verified(shown.claims, issuer, realm, now + self._remember)
        self._keep(digest, verified)
        return verified

    def _keep(self, digest: bytes, verified: Verified) -> None:
        self._known[digest] = verified
        self._known.move_to_end(digest)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def _digest(token: str, realm: str) -> bytes:
    """What a token is remembered by; a realm's name holds no dot, so no token can run into it."""
    if not token.isascii():
        raise refusal("not ASCII")
    if len(token) > LONGEST_TOKEN:
        raise refusal("longer than 8 KiB")
    return hashlib.sha256(f"{realm}.{token}".encode()).digest()


def _check(claims: Claims, issuer: Issuer, realm: str, now: float, leeway: float) -> None:
    if issuer.realms is not None and realm not in issuer.realms:
        raise refusal("of an issuer that does not count in this realm")
    if (issuer.audience or realm) not in claims.audiences:
        raise refusal("for another audience")
    if claims.ends <= now - leeway:
        raise refusal("expired")
    if max(claims.issued, claims.begins) > now + leeway:
        raise refusal("not good yet")
    if not 0 < claims.ends - claims.issued <= issuer.longest + _ROUNDING:
        raise refusal("good for longer than is allowed")


def _verified(claims: Claims, issuer: Issuer, realm: str, until: float) -> Verified:
    """Nobody else says that a consumer may do everything: ``*`` counts in our own tokens only."""
    scopes = claims.scopes if issuer.own else claims.scopes - {"*"}
    consumer = Consumer(claims.user, scopes, "jwt", realm=realm, sign_in=claims.id)
    return Verified(consumer, claims.id, f"{realm}/{claims.user}", claims.issued, min(claims.ends, until))
