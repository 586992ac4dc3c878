"""Tokens that every contender takes: one issuer, one key of HS256, short-lived, each with an id of its own."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator

KEY = "8Q0vN3xTq7LhYwZ5bRkUe1JmCf4Pg2Ds"  # worth nothing outside the benchmark
KEY_ID = "bench"
ISSUER = "https://issuer.test"
REALM = "bench"
USER = "ada.lovelace"
CLAIMS = ("iss", "aud", "sub", "iat", "nbf", "exp", "jti")
LIFETIME = 900


def token(key: str = KEY) -> str:
    """A token for `USER`, good from now on if signed with `KEY`."""
    return next(tokens(1, key))


def tokens(count: int, key: str = KEY) -> Iterator[str]:
    """So many different ones."""
    header = _part({"alg": "HS256", "kid": KEY_ID, "typ": "at+jwt"})
    now = int(time.time())
    common = {"iss": ISSUER, "aud": REALM, "sub": USER, "scope": "read", "iat": now, "nbf": now, "exp": now + LIFETIME}
    for _ in range(count):
        text = f"{header}.{_part({**common, 'jti': uuid.uuid4().hex})}"
        yield f"{text}.{_base64(hmac.digest(key.encode(), text.encode(), hashlib.sha256))}"


def _part(value: dict[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
