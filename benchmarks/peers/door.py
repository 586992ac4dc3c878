"""What the three peers of the chain share: keys, names, and how a token is verified.  Nothing of pi-server is used.

What all of them do, as we do: take or make the correlation id and answer with it, write one access line through a
log, put answers and failures into the envelope, verify the bearer token, and keep the session in a cookie of Fernet.
What they do not, and we do: remember and revoke, look at ``typ`` and at doubled names, send security headers, count
the calls in flight, hold a deadline over the call.
"""

import argparse
from pathlib import Path
from typing import Any

import jwt
from cryptography.fernet import Fernet

from benchmarks.credentials import CLAIMS, ISSUER, KEY, REALM
from benchmarks.peers import market

ROOT = "/api/bench/v1.0"
GUARDED = frozenset({f"{ROOT}/pong", f"{ROOT}/session"})
COOKIE = "session"
LIFETIME = 43200
LEEWAY = 30


def sealer() -> Fernet:
    """The cookie's key."""
    return Fernet(Fernet.generate_key())


def claims(authorization: str | None) -> dict[str, Any]:
    """What a bearer token says, verified by PyJWT as its documentation shows; `Failure` for anything else."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise market.Failure(*market.UNAUTHENTICATED)
    try:
        return jwt.decode(
            token,
            KEY,
            algorithms=["HS256"],
            audience=REALM,
            issuer=ISSUER,
            leeway=LEEWAY,
            options={"require": list(CLAIMS)},
        )
    except jwt.InvalidTokenError as error:
        raise market.Failure(*market.UNAUTHENTICATED) from error


def asked() -> tuple[int, bool]:
    """The port to serve on, and whether behind the whole chain or the links that always stand; the logs are open."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--logs", type=Path, required=True)
    arguments.add_argument("--whole", action="store_true")
    given = arguments.parse_args()
    market.open_logs(given.logs)
    return given.port, given.whole
