"""What the tests of JSON Web Tokens share: a server's authority, and tokens made by hand."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from pi_server.auth.jwt_authority import JwtAuthority, open_jwt
from pi_server.auth.keyring import KeyRing
from pi_server.auth.revocations import KeyStoreRevocations
from pi_server.config.consumer_sections import JwtSection
from pi_server.domain.consumer import Consumer
from pi_server.stores.memory_keys import MemoryKeys
from pi_server.testing.fake_clock import FakeClock

SECRET = "Xb3qP8vT1zLr6WmK9cYd4sJf7hNg2uAe"
RING = b"a91e5c0d7b3f48629d1ce8f4570b6a23"
OLD_RING = b"3f7c1a9be2d84650917fb3a8c6d0e542"

RSA = rsa.generate_private_key(65537, 2048)
SMALL = rsa.generate_private_key(65537, 1024)  # noqa: S505 - too small is what it is for
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
PRIVATE: dict[str, Any] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}


def private_pem(key: Any) -> str:
    """As it stands in a configuration."""
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def public_pem(key: Any) -> str:
    """As it stands in a configuration."""
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


KEYS: dict[str, dict[str, Any]] = {
    "main": {"algorithm": "HS256", "secret": SECRET},
    "rs": {"algorithm": "RS256", "public": public_pem(RSA)},
    "es": {"algorithm": "ES256", "private": private_pem(EC)},
    "ed": {"algorithm": "EdDSA", "private": private_pem(ED), "public": public_pem(ED)},
}


async def no_fetch(url: str) -> bytes:
    """For authorities that must not ask anybody."""
    raise AssertionError(url)


class Scene:
    """An authority, its revocations and the clock both look at."""

    def __init__(
        self, section: Mapping[str, Any] | None = None, ring: KeyRing | None = None, fetch: Any = no_fetch
    ) -> None:
        self.clock = FakeClock()
        self.section = JwtSection.model_validate({"keys": KEYS} if section is None else section)
        self.revocations = KeyStoreRevocations(
            MemoryKeys(), lasting=3600, clock=self.clock.wall, monotonic=self.clock, when_away="allow"
        )
        self.authority: JwtAuthority = open_jwt(
            self.section, ring or KeyRing([RING]), self.revocations, fetch, self.clock.wall, self.clock
        )

    def issue(self, user: str = "alice", realm: str = "shop", **more: Any) -> str:
        """A token of this server."""
        return self.authority.issuer(realm).issue(user, **more)

    def verify(self, token: str, realm: str = "shop") -> Consumer:
        """Verify a token whose key is known."""
        found = self.authority.verifier.verify(token, realm)
        assert isinstance(found, Consumer)
        return found

    async def verify_soon(self, token: str, realm: str = "shop") -> Consumer:
        """Verify as a server does: waiting only when there is something to wait for."""
        found = self.authority.verifier.verify(token, realm)
        return found if isinstance(found, Consumer) else await found

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims, with some changed, or left out where given as None."""
        now = int(self.clock.wall())
        good = {
            "iss": "pi-server",
            "aud": "shop",
            "sub": "alice",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "jti": "j1",
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}


def part(value: Any) -> str:
    """A part of a token, from bytes or from what JSON can hold."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(header: Any, claims: Any, key: Any = SECRET, algorithm: str = "HS256") -> str:
    """A token with a right signature, whatever it says."""
    text = f"{part(header)}.{part(claims)}"
    signer = jwt.get_algorithm_by_name(algorithm)
    ready = key.encode() if isinstance(key, str) else key
    return f"{text}.{part(signer.sign(text.encode(), ready))}"


def header(**changes: Any) -> dict[str, Any]:
    """A good header, with some changed, or left out where given as None."""
    return {n: v for n, v in {"alg": "HS256", "kid": "main", "typ": "JWT", **changes}.items() if v is not None}
