"""The keys another issuer publishes: fetched when needed, never more often than every half minute."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, Final

import jiter
from jwt import PyJWK, PyJWTError

from pi_server.auth.jwt_keys import JwtKey, public_key
from pi_server.config.consumer_sections import JwtAlgorithm

PAUSE = 30.0
"""Seconds between two fetches of a key set, at least: tokens of made-up key ids must not become requests."""

_OLD = 600.0  # seconds after which a set is fetched again, so that a key taken back is trusted no longer
_PATIENCE = 5.0  # seconds a fetch may take
_LARGEST = 256 * 1024  # bytes
_MOST_KEYS = 100
_KINDS: Final = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}

_log = logging.getLogger("pi_server.auth")


class KeySet:
    """The public keys of one issuer by their ids, all for one algorithm."""

    def __init__(
        self, name: str, algorithm: JwtAlgorithm, fetch: Callable[[], Awaitable[bytes]], clock: Callable[[], float]
    ) -> None:
        """``name`` is for the log, ``fetch`` gets the document or raises, ``clock`` is monotonic, in seconds."""
        self._name = name
        self._algorithm: JwtAlgorithm = algorithm
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, JwtKey] = {}
        self._fetched = self._asked = -inf
        self._flight: asyncio.Task[None] | None = None

    def get(self, kid: str) -> JwtKey | None:
        """The key of that id, as far as known."""
        return self._keys.get(kid)

    def worth_a_fetch(self, kid: str) -> bool:
        """Whether fetching could change what `get` says; False while that has been tried a moment ago."""
        if kid in self._keys and self._clock() - self._fetched < _OLD:
            return False
        return self._flight is not None or self._rested()

    async def refresh(self) -> None:
        """Fetch the set, together with all who wait for it; without success the keys stay what they were."""
        if self._flight is None and self._rested():
            self._asked = self._clock()
            self._flight = asyncio.create_task(self._replace())
            self._flight.add_done_callback(self._landed)
        if self._flight is not None:
            await asyncio.shield(self._flight)  # one consumer that goes away takes nobody's answer along

    def _rested(self) -> bool:
        return self._clock() - self._asked >= PAUSE

    def _landed(self, _: asyncio.Task[None]) -> None:
        self._flight = None

    async def _replace(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                self._keys = _read(await self._fetch(), self._algorithm)
            self._fetched = self._clock()
        except Exception as error:  # noqa: BLE001 - whatever an injected fetch raises, the tokens of others go on
            _log.warning("%s: the key set cannot be had: %s: %s", self._name, type(error).__name__, error)


def _read(text: bytes, algorithm: JwtAlgorithm) -> dict[str, JwtKey]:
    """The usable keys; ValueError when there is no set, or nothing usable in it."""
    if len(text) > _LARGEST:
        raise ValueError(f"more than {_LARGEST} bytes")
    document: Any = jiter.from_json(text)
    try:
        listed: list[Any] = document["keys"][:_MOST_KEYS]
    except (TypeError, KeyError):
        raise ValueError("it is no key set") from None
    found = [_usable(entry, algorithm) for entry in listed]
    keys = {key.id: key for key in found if key is not None}
    if not keys:
        raise ValueError(f"no key in it is for {algorithm}")
    return keys


def _usable(entry: Any, algorithm: JwtAlgorithm) -> JwtKey | None:
    """The key, if it is one to verify ``algorithm`` with; sets hold keys for other uses too."""
    try:
        if not _meant_for(entry, algorithm):
            return None
        return public_key(entry["kid"], algorithm, PyJWK(entry, algorithm).key)
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _meant_for(entry: Any, algorithm: JwtAlgorithm) -> bool:
    kind, curve = _KINDS[algorithm]
    return (
        isinstance(entry.get("kid"), str)
        and (entry.get("kty"), entry.get("crv")) == (kind, curve)
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) == algorithm
        and "verify" in entry.get("key_ops", ("verify",))
        and "d" not in entry  # somebody published a private key: it proves nothing any more
    )
