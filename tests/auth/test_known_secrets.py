"""Secrets everybody knows are refused by name, and never repeated."""

import hashlib
import secrets

import pytest

from pi_server.auth.known_secrets import check_secret, known_digests

WEAK = [
    b"",
    b" " * 40,
    b"abcdefghijklmnopqrstuvwxyz",
    b"abcdefghijklmnopqrstuvwxyz123456",
    b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345",
    b"monapi-builtin-token",
    b"monapi-builtin-tokenmonapi-builtin-token",
    b"changeme" * 4,
    b"ChangeMe" * 5,
    b"secret" * 6,
    b"password" * 4 + b"\n",
    b"passwordpasswordpasswordpassword1",
    b"a" * 64,
    b"\0" * 32,
    b"ab" * 20,
    b"0123456789" * 4,
    b"0123456789abcdef0123456789abcdef",
    b"8f3kQ2mZ8f3kQ2mZ8f3kQ2mZ8f3kQ2mZ",
    b"8f3kQ2mZ8f3kQ2mZ8f3kQ2mZ8f3kQ2mZ8f3",
    secrets.token_bytes(23),
]


@pytest.mark.parametrize("value", WEAK)
def test_a_secret_that_can_be_guessed_is_refused(value: bytes) -> None:
    """Well-known, repeated, short: the key is named, and nothing of its value."""
    with pytest.raises(ValueError, match=r"^jwt\.keys\.main\.secret: ") as error:
        check_secret("jwt.keys.main.secret", value)
    said = str(error.value).removeprefix("jwt.keys.main.secret: ")
    assert said in {
        "is a well-known secret; make a random one",
        "must have at least 32 bytes",
        "repeats itself; make a random one",
    }


def test_random_secrets_pass() -> None:
    """What a random generator makes is taken, in any of the usual forms."""
    for _ in range(2000):
        check_secret("keyring.0", secrets.token_bytes(48))  # more than 32: outer bytes that are spaces count not
        check_secret("keyring.0", secrets.token_hex(16).encode())
        check_secret("keyring.0", secrets.token_urlsafe(32).encode())


def test_well_known_tokens_are_known_by_digest() -> None:
    """The digests of built-in tokens are listed; that of a random one is not."""
    for token in ("monapi-builtin-token", "changeme", "secret", "password", "abcdefghijklmnopqrstuvwxyz", "Admin", ""):
        assert hashlib.sha256(token.encode()).hexdigest() in known_digests()
    assert hashlib.sha256(secrets.token_bytes()).hexdigest() not in known_digests()
