"""Service tokens: who holds which, known by digest only.

A token is found by the SHA-256 of what was shown, in a dictionary.  How long that takes tells nothing of the tokens
there are: nobody can choose a text by its digest.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol

from pi_server.config import TokenSection
from pi_server.domain.consumer import EVERYWHERE, Consumer
from pi_server.domain.faults import Unauthenticated

UNKNOWN = "an unknown service token"

_PREFIX, _RANDOM = "pi_", 32
_LENGTH = len(_PREFIX) + 43  # 32 random bytes in URL-safe Base64

Recorded = Callable[[bytes], Consumer | Awaitable[Consumer]]
"""Whose token has this digest, by the records; raises as `ServiceTokens.identify`."""


def new_token() -> str:
    """A token of 256 random bits: ``pi_`` and 43 URL-safe characters."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM)


def digest(token: str) -> str:
    """The SHA-256 of a token in hexadecimal, as the configuration holds it.

    A service token is long and random, so a plain fast hash keeps it as safe as a slow one would.
    """
    return _sha256(token).hex()


def consumer_of(name: str, scopes: Iterable[str], reach: Iterable[str]) -> Consumer:
    """The consumer that holds a service token."""
    reached = frozenset(reach)
    return Consumer(name, frozenset(scopes), "token", EVERYWHERE if "*" in reached else reached)


class Verdict(Protocol):
    """What is known of one token."""

    def consumer_at(self, now: float, /) -> Consumer:
        """Who shows it at ``now`` (POSIX seconds); `Unauthenticated` or `StoreUnavailable` otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """A token that is good until ``ends`` (POSIX seconds)."""

    consumer: Consumer
    ends: float = inf

    def consumer_at(self, now: float, /) -> Consumer:
        """Its holder, as long as it has not expired."""
        if now >= self.ends:
            raise Unauthenticated(reason=f"an expired service token of {self.consumer.name}")
        return self.consumer


@dataclass(frozen=True, slots=True)
class Refused:
    """A token that is good no more; ``reason`` is for the log."""

    reason: str

    def consumer_at(self, _: float, /) -> Consumer:
        """Nobody."""
        raise Unauthenticated(reason=self.reason)


class ServiceTokens:
    """The tokens of the configuration, then those of the records."""

    def __init__(
        self,
        configured: Mapping[str, TokenSection],
        recorded: Recorded | None = None,
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``configured`` is by consumer; without ``recorded`` there are no other tokens.  ``wall`` is POSIX time."""
        self._configured = dict(_configured(configured))
        self._recorded = recorded
        self._wall = wall

    def identify(self, token: str) -> Consumer | Awaitable[Consumer]:
        """Whose token this is: at once where it is known here, to be awaited where the store has to be asked.

        Raises:
            Unauthenticated: nobody's; whether it is unknown, expired or revoked is told in the reason only.
            StoreUnavailable: nobody can tell whose.
        """
        try:
            shown = _sha256(token)
        except UnicodeEncodeError:  # no header can hold it, and no digest is of it
            raise Unauthenticated(reason=UNKNOWN) from None
        verdict = self._configured.get(shown)
        if verdict is not None:
            return verdict.consumer_at(self._wall())
        if self._recorded is None or len(token) != _LENGTH or not token.startswith(_PREFIX):
            raise Unauthenticated(reason=UNKNOWN)  # no record can be of it: the store need not be asked
        return self._recorded(shown)


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _configured(sections: Mapping[str, TokenSection]) -> Iterable[tuple[bytes, Held]]:
    for name, section in sections.items():
        ends = section.expires.timestamp() if section.expires else inf
        held = Held(consumer_of(name, section.scopes, section.reach), ends)
        for secret in filter(None, (section.sha256, section.next_sha256)):
            yield bytes.fromhex(secret.get_secret_value()), held
