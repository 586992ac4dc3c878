"""Keys of JSON Web Tokens: each is for exactly one algorithm, which its record names and never a token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import Algorithm

from pi_server.auth.keyring import KeyRing
from pi_server.auth.known_secrets import check_secret
from pi_server.config.consumer_sections import JwtAlgorithm, JwtKeySection

_PRIVATE: Final[Mapping[str, type[Any]]] = {
    "RS256": rsa.RSAPrivateKey,
    "ES256": ec.EllipticCurvePrivateKey,
    "EdDSA": ed25519.Ed25519PrivateKey,
}
_PUBLIC: Final[Mapping[str, type[Any]]] = {
    "RS256": rsa.RSAPublicKey,
    "ES256": ec.EllipticCurvePublicKey,
    "EdDSA": ed25519.Ed25519PublicKey,
}
_ALGORITHMS: Final[Mapping[str, Algorithm]] = {name: jwt.get_algorithm_by_name(name) for name in get_args(JwtAlgorithm)}
_LEAST_RSA = 2048  # bits


@dataclass(frozen=True, slots=True)
class JwtKey:
    """One key; ``verifying`` and ``signing`` are in the form PyJWT's algorithm of that name takes."""

    id: str
    algorithm: JwtAlgorithm
    verifying: Any = field(repr=False)
    signing: Any = field(default=None, repr=False)

    def verifies(self, text: bytes, signature: bytes) -> bool:
        """Whether this key signed ``text``."""
        return bool(_ALGORITHMS[self.algorithm].verify(text, self.verifying, signature))

    def sign(self, text: bytes) -> bytes:
        """The signature of ``text``; only a key with ``signing`` can."""
        return _ALGORITHMS[self.algorithm].sign(text, self.signing)


def configured_keys(sections: Mapping[str, JwtKeySection]) -> dict[str, JwtKey]:
    """The keys of ``jwt.keys`` by their ids.

    Raises:
        ValueError: a line for each key that is wrong, beginning with its path; no line holds a part of a key.
    """
    keys: dict[str, JwtKey] = {}
    errors: list[str] = []
    for kid, section in sections.items():
        try:
            keys[kid] = _configured(f"jwt.keys.{kid}", kid, section)
        except ValueError as error:
            errors.append(str(error))
    if errors:
        raise ValueError("\n".join(errors))
    return keys


def ring_keys(ring: KeyRing) -> dict[str, JwtKey]:
    """Keys made from the key ring, that of the newest secret first; their ids say nothing about them."""
    keys = (_from_ring(ring, index) for index in range(len(ring)))
    return {key.id: key for key in keys}


def public_key(kid: str, algorithm: JwtAlgorithm, key: object) -> JwtKey:
    """A key of somebody else, to verify with; ValueError, saying what is wrong, when it is not for ``algorithm``."""
    _check_strength(algorithm, key, _PUBLIC)
    return JwtKey(kid, algorithm, key)


def _from_ring(ring: KeyRing, index: int) -> JwtKey:
    secret = ring.derive("jwt", index)
    return JwtKey(f"ring-{ring.derive('jwt key id', index)[:6].hex()}", "HS256", secret, secret)


def _configured(path: str, kid: str, section: JwtKeySection) -> JwtKey:
    return _symmetric(path, kid, section) if section.algorithm == "HS256" else _asymmetric(path, kid, section)


def _symmetric(path: str, kid: str, section: JwtKeySection) -> JwtKey:
    if section.private is not None or section.public is not None:
        raise ValueError(f"{path}: HS256 has a secret, and no private or public key")
    if section.secret is None:
        raise ValueError(f"{path}.secret: is missing; HS256 needs one")
    secret = section.secret.get_secret_value().encode("utf-8", "surrogateescape")
    check_secret(f"{path}.secret", secret)
    try:
        _ALGORITHMS["HS256"].prepare_key(secret)  # a public key as secret would let everybody sign
    except jwt.InvalidKeyError:
        raise ValueError(f"{path}.secret: is a key of another algorithm, which HS256 must not use") from None
    return JwtKey(kid, "HS256", secret, secret)


def _asymmetric(path: str, kid: str, section: JwtKeySection) -> JwtKey:
    algorithm = section.algorithm
    if section.secret is not None:
        raise ValueError(f"{path}.secret: only HS256 has one; {algorithm} has a private and a public key")
    private = None if section.private is None else section.private.get_secret_value()
    signing = _loaded(f"{path}.private", algorithm, private, _PRIVATE)
    public = _loaded(f"{path}.public", algorithm, section.public, _PUBLIC)
    own = None if signing is None else signing.public_key()
    if own is None and public is None:
        raise ValueError(f"{path}: {algorithm} needs a private key to sign with, or a public one to verify with")
    if own is not None and public is not None and own != public:
        raise ValueError(f"{path}.public: is not the public key of {path}.private")
    return JwtKey(kid, algorithm, public or own, signing)


def _loaded(path: str, algorithm: str, pem: str | None, kinds: Mapping[str, type[Any]]) -> Any:
    if pem is None:
        return None
    try:
        key = _load(kinds is _PRIVATE, pem.strip().encode("utf-8", "surrogateescape"))
    except (ValueError, UnsupportedAlgorithm):
        kind = "private" if kinds is _PRIVATE else "public"
        raise ValueError(f"{path}: is not the PEM of a {kind} key") from None
    except TypeError:
        raise ValueError(f"{path}: is encrypted; a PEM without a password is needed") from None
    try:
        _check_strength(algorithm, key, kinds)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return key


def _load(private: bool, pem: bytes) -> object:
    if private:
        return serialization.load_pem_private_key(pem, password=None)
    return serialization.load_pem_public_key(pem)


def _check_strength(algorithm: str, key: Any, kinds: Mapping[str, type[Any]]) -> None:
    if not isinstance(key, kinds[algorithm]):
        raise ValueError(f"is no key for {algorithm}")
    if algorithm == "RS256" and key.key_size < _LEAST_RSA:
        raise ValueError(f"must have at least {_LEAST_RSA} bits")
    if algorithm == "ES256" and not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("must be on the curve P-256")
