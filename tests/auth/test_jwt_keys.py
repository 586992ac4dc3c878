"""Keys that do not fit are refused before a server starts, each by the path of its configuration."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from pi_server.auth.jwt_lifetimes import longest_life
from pi_server.config.consumer_sections import JwtSection
from tests.auth.tokens import EC, ED, KEYS, RSA, SECRET, SMALL, Scene, private_pem, public_pem


def _encrypted(key: Any) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    return pem.decode()


WRONG = {
    "is missing; HS256 needs one": {"algorithm": "HS256"},
    "secret: must have at least 32 bytes": {"algorithm": "HS256", "secret": "4fK2sPq8"},
    "secret: must have": {"algorithm": "HS256", "secret": ""},
    "secret: is a well-known secret": {"algorithm": "HS256", "secret": "abcdefghijklmnopqrstuvwxyz"},
    "secret: is a key of another algorithm": {"algorithm": "HS256", "secret": public_pem(RSA)},
    "secret: is a key of another alg": {"algorithm": "HS256", "secret": private_pem(EC)},
    "HS256 has a secret, and no": {"algorithm": "HS256", "secret": SECRET, "public": public_pem(RSA)},
    "RS256 needs a private key": {"algorithm": "RS256"},
    "secret: only HS256 has one": {"algorithm": "RS256", "secret": SECRET, "public": public_pem(RSA)},
    "private: is not the PEM of a private key": {"algorithm": "RS256", "private": public_pem(RSA)},
    "private: is not the PEM of": {"algorithm": "EdDSA", "private": "hello"},
    "private: is not the PEM": {"algorithm": "EdDSA", "private": "\u00fc"},
    "private: is not the": {"algorithm": "EdDSA", "private": ""},
    "private: is encrypted": {"algorithm": "RS256", "private": _encrypted(RSA)},
    "private: is no key for RS256": {"algorithm": "RS256", "private": private_pem(EC)},
    "private: is no key for EdDSA": {"algorithm": "EdDSA", "private": private_pem(RSA)},
    "private: must be on the curve P-256": {
        "algorithm": "ES256", "private": private_pem(ec.generate_private_key(ec.SECP384R1())),
    },
    "public: must have at least 2048 bits": {
        "algorithm": "RS256", "public": public_pem(SMALL),
    },
    "public: is not the PEM of a public key": {"algorithm": "ES256", "public": private_pem(EC)},
    "public: is no key for ES256": {"algorithm": "ES256", "public": public_pem(ED)},
    "public: is not the public key of": {
        "algorithm": "EdDSA", "private": private_pem(ED), "public": public_pem(ed25519.Ed25519PrivateKey.generate()),
    },
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_key_is_refused_by_its_path(text: str) -> None:
    """The configuration's key is named, and nothing of what it holds."""
    with pytest.raises(ValueError, match=text) as error:
        Scene({"keys": {"main": WRONG[text]}})
    assert str(error.value).startswith("jwt.keys.main")
    for value in WRONG[text].values():
        assert len(value) < 8 or value not in str(error.value)


def test_everything_wrong_is_said_at_once() -> None:
    """A line for each key and key set."""
    section = {
        "keys": {"a": {"algorithm": "HS256"}, "good": KEYS["main"], "b": {"algorithm": "ES256"}},
        "jwks": {
            "one": {"url": "https://one.example/keys", "issuer": "pi-server", "realms": ["shop"]},
            "two": {"url": "https://two.example/keys", "issuer": "two", "realms": ["shop"], "algorithm": "HS256"},
            "three": {"url": "https://three.example/keys", "issuer": "two", "realms": ["shop"]},
        },
    }
    with pytest.raises(ValueError, match="jwt") as error:
        Scene(section)
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "jwt.keys.a.secret",
        "jwt.keys.b",
        "jwt.jwks.one.issuer",
        "jwt.jwks.two.algorithm",
        "jwt.jwks.three.issuer",
    ]


def test_revocations_must_last_as_long_as_any_token() -> None:
    """15 minutes and the leeway at both ends; half a day where others issue."""
    assert longest_life(JwtSection()) == 960
    jwks = {"one": {"url": "https://one.example/keys", "issuer": "one", "realms": ["shop"]}}
    assert longest_life(JwtSection.model_validate({"jwks": jwks})) == 43_260
