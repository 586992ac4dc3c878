"""What a JSON Web Token says, before anybody believes it.

PyJWT does the cryptography; the three parts are taken apart here, because PyJWT's JSON passes over a name given twice
and NaN, does not look at ``typ`` and prepares the key anew for each token, which takes twenty times as long as HS256.
"""

import base64
import re
from dataclasses import dataclass
from typing import Any, Final, cast

import jiter

from pi_server.domain.faults import Unauthenticated

LONGEST_TOKEN = 8192
"""Characters of a token, at most."""

TYPES: Final = frozenset({"JWT", "at+jwt"})
"""What ``typ`` may be: a token that says to be anything else (an id token, a logout token) is no access token."""

_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_KEY_CARRIERS: Final = frozenset({"jku", "jwk", "x5u", "x5c"})  # a token does not bring the key that proves it
_EXTENSIONS: Final = frozenset({"crit", "b64", "zip"})  # they change what is signed, and none is known here
_LATEST = 2.0**40  # seconds, in some 35,000 years: beyond it, and for NaN, arithmetic is no longer what it seems


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims every token must have, each of the type it must have; times are POSIX seconds."""

    issuer: str
    audiences: tuple[str, ...]
    user: str
    id: str
    issued: float
    begins: float
    ends: float
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A token as shown: nothing of it is proved."""

    kid: str
    algorithm: str
    claims: Claims
    signed: bytes
    signature: bytes


def refusal(reason: str) -> Unauthenticated:
    """The one refusal of any token; ``reason``, for the log only, holds no part of it."""
    return Unauthenticated(reason=f"JWT {reason}")


def read(token: str) -> Shown:
    """Take a token apart; `Unauthenticated` when it is none, or lacks what every token must have."""
    if len(token) > LONGEST_TOKEN:
        raise refusal("longer than 8 KiB")
    parts = _FORM.fullmatch(token)
    if parts is None:
        raise refusal("not three parts of base64url")
    header, claims, signature = parts.groups()
    kid, algorithm = _read_header(_json(header))
    return Shown(kid, algorithm, _read_claims(_json(claims)), f"{header}.{claims}".encode("ascii"), _decoded(signature))


def _decoded(part: str) -> bytes:
    """The bytes of a part in the one spelling they have; another would be the same token under another digest."""
    text = f"{part}{'=' * (-len(part) % 4)}".encode("ascii")
    try:
        decoded = base64.urlsafe_b64decode(text)
    except ValueError:
        raise refusal("not base64url") from None
    if base64.urlsafe_b64encode(decoded) != text:
        raise refusal("not base64url")
    return decoded


def _json(part: str) -> dict[str, Any]:
    try:
        value: object = jiter.from_json(_decoded(part), catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError:
        raise refusal("not JSON") from None
    if not isinstance(value, dict):
        raise refusal("not an object")
    return cast("dict[str, Any]", value)


def _read_header(header: dict[str, Any]) -> tuple[str, str]:
    if not _KEY_CARRIERS.isdisjoint(header):
        raise refusal("brings its own key")
    if not _EXTENSIONS.isdisjoint(header):
        raise refusal("asks for an extension")
    kind, kid, algorithm = header.get("typ"), header.get("kid"), header.get("alg")
    if not isinstance(kind, str) or kind not in TYPES:
        raise refusal("of another type")
    if not isinstance(kid, str) or not isinstance(algorithm, str):
        raise refusal("without the id of its key or its algorithm")
    return kid, algorithm


def _read_claims(claims: dict[str, Any]) -> Claims:
    return Claims(
        issuer=_text(claims, "iss"),
        audiences=_texts("aud", claims.get("aud")),
        user=_text(claims, "sub"),
        id=_text(claims, "jti"),
        issued=_time(claims, "iat"),
        begins=_time(claims, "nbf"),
        ends=_time(claims, "exp"),
        scopes=_scopes(claims),
    )


def _text(claims: dict[str, Any], name: str) -> str:
    """A text that logs and stores can hold."""
    value = claims.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise refusal(f"without a valid {name}")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    texts = tuple(text for text in values if isinstance(text, str) and text.isprintable())
    if len(texts) != len(values):
        raise refusal(f"without a valid {name}")
    return texts


def _time(claims: dict[str, Any], name: str) -> float:
    """A JSON number; neither text nor true, which libraries like to take for one."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _LATEST:
        raise refusal(f"without a valid {name}")
    return float(value)


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    """Of ``scope``, words in a text, or else of ``scp``, which some issuers write instead, also as a list."""
    name = "scope" if "scope" in claims else "scp"
    value = claims.get(name, "")
    return frozenset(" ".join(_texts(name, value)).split(" ")) - {""}
