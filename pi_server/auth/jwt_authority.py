"""Everything JSON Web Tokens need, opened from the section ``jwt``."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from pi_server.auth.jwt_issuing import RealmIssuer
from pi_server.auth.jwt_key_sets import KeySet
from pi_server.auth.jwt_keys import JwtKey, configured_keys, ring_keys
from pi_server.auth.jwt_lifetimes import LONGEST_OWN
from pi_server.auth.jwt_verifying import FixedKeys, Issuer, JwtVerifier
from pi_server.auth.keyring import KeyRing
from pi_server.config.consumer_sections import JwksSection, JwtSection
from pi_server.domain.security import Revocations, TokenIssuer

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the body of a URL; raises whatever it likes when that is impossible, or the status is not 200."""


@dataclass(frozen=True, slots=True)
class JwtAuthority:
    """Verifies the tokens of all issuers, and issues those of any realm."""

    verifier: JwtVerifier
    issuer: Callable[[str], TokenIssuer]


def open_jwt(
    section: JwtSection,
    ring: KeyRing,
    revocations: Revocations,
    fetch: Fetch,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    *,
    secure: bool = False,
) -> JwtAuthority:
    """The authority the section describes; tokens are signed with its first key that can, else with the key ring's.

    ``clock`` gives POSIX seconds, ``monotonic`` seconds from any start; ``secure`` says that consumers come by https.

    Raises:
        ValueError: a line for everything that is wrong, such as ``jwt.keys.main.secret: must have ...``.
    """
    keys, derived = _keys(section), ring_keys(ring)
    own = Issuer(section.issuer, FixedKeys({**derived, **keys}), longest=LONGEST_OWN, own=True)
    foreign = [_foreign(f"jwt.jwks.{name}", jwks, fetch, monotonic) for name, jwks in section.jwks.items()]
    verifier = JwtVerifier([own, *foreign], revocations, leeway=section.leeway, remember=section.remember, clock=clock)
    signing = _signing(keys, derived)

    def issuer(realm: str) -> TokenIssuer:
        return RealmIssuer(realm, signing, verifier, revocations, section, secure=secure, clock=clock)

    return JwtAuthority(verifier, issuer)


def _keys(section: JwtSection) -> dict[str, JwtKey]:
    """The configured keys; whatever is wrong with them or with the key sets is said at once."""
    errors = list(_wrong_key_sets(section))
    keys: dict[str, JwtKey] = {}
    try:
        keys = configured_keys(section.keys)
    except ValueError as error:
        errors.insert(0, str(error))
    if errors:
        raise ValueError("\n".join(errors))
    return keys


def _wrong_key_sets(section: JwtSection) -> Iterator[str]:
    owners = {section.issuer: "jwt.issuer"}
    for name, jwks in section.jwks.items():
        if jwks.algorithm == "HS256":
            yield f"jwt.jwks.{name}.algorithm: a key set is public, and a key of HS256 must not be"
        first = owners.setdefault(jwks.issuer, f"jwt.jwks.{name}.issuer")
        if first != f"jwt.jwks.{name}.issuer":
            yield f"jwt.jwks.{name}.issuer: is the same as {first}, so nobody could say whose a token is"


def _foreign(path: str, section: JwksSection, fetch: Fetch, clock: Callable[[], float]) -> Issuer:
    keys = KeySet(path, section.algorithm, lambda: fetch(section.url), clock)
    return Issuer(section.issuer, keys, section.audience, frozenset(section.realms))


def _signing(keys: Mapping[str, JwtKey], derived: Mapping[str, JwtKey]) -> JwtKey:
    return next(key for key in (*keys.values(), *derived.values()) if key.signing is not None)
