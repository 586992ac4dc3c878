"""Service tokens: who holds which, known by digest only."""

import hashlib
import hmac
from collections.abc import Mapping

from pi_server.domain.consumer import Consumer


def digest(token: str) -> str:
    """The SHA-256 of a token in hexadecimal, as the configuration holds it.

    A service token is long and random, so a plain fast hash keeps it as safe as a slow one would.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class ServiceTokens:
    """The consumers by the digest of their token."""

    def __init__(self, holders: Mapping[str, Consumer]) -> None:
        """``holders`` maps hexadecimal SHA-256 digests to consumers."""
        self._holders = tuple((bytes.fromhex(digest), consumer) for digest, consumer in holders.items())

    def identify(self, token: str) -> Consumer | None:
        """Whose token this is, if anyone's; every digest is compared, each in constant time."""
        shown = bytes.fromhex(digest(token))
        found: Consumer | None = None
        for known, consumer in self._holders:
            if hmac.compare_digest(known, shown):
                found = consumer
        return found
