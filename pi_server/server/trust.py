"""Everything that tells who calls: service tokens, sessions, JWTs, and what of them is revoked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pi_server.auth.jwt_lifetimes import longest_life
from pi_server.auth.keyring import KeyRing, own_secret
from pi_server.auth.known_secrets import known_digests
from pi_server.auth.passwords import Argon2Passwords
from pi_server.auth.recorded_tokens import RecordedTokens
from pi_server.auth.revocations import KeyStoreRevocations
from pi_server.auth.service_tokens import ServiceTokens
from pi_server.auth.token_records import TokenRecords
from pi_server.config import Config, ConfigError, Problem
from pi_server.domain.stores import StoreTooNewError
from pi_server.server.fetch import fetch
from pi_server.server.stores import Stores
from pi_server.web.sessions.rules import session_rules
from pi_server.web.sessions.storage import SessionStorage, session_storage

if TYPE_CHECKING:
    from pi_server.auth.jwt_authority import JwtAuthority


@dataclass(frozen=True, slots=True)
class Trust:
    """What identifies consumers, and what a plugin may sign in with."""

    tokens: ServiceTokens
    sessions: SessionStorage
    passwords: Argon2Passwords
    _jwt: Callable[[], JwtAuthority]
    _recorded: RecordedTokens
    _revocations: KeyStoreRevocations

    @property
    def jwt(self) -> JwtAuthority:
        """Verifies and issues tokens; made when somebody first asks for it, for its cryptography takes memory."""
        return self._jwt()

    async def follow(self, opened: AsyncExitStack) -> None:
        """Begin to keep up with what other processes do: tokens made, sessions and tokens revoked.

        Raises:
            ConfigError: a later version has written to a store.
        """
        try:
            await self._recorded.start()
            opened.push_async_callback(self._recorded.close)
            await self._revocations.start()
        except StoreTooNewError as error:
            raise ConfigError((Problem("stores", str(error), ""),)) from error
        opened.push_async_callback(self._revocations.close)
        opened.callback(self.passwords.close)


def build_trust(config: Config, stores: Stores, ring: KeyRing) -> Trust:
    """All of it, from the configuration alone: nothing is asked of a store yet.

    Raises:
        ConfigError: a key that cannot be used, or a token everybody knows.
    """
    problems = list(_known_tokens(config))
    lasting = max(config.sessions.lifetime, longest_life(config.jwt))
    revocations = KeyStoreRevocations(stores.keys, lasting=lasting, when_away=config.stores.when_away)
    jwt = cache(lambda: _open_jwt(config, ring, revocations))
    try:
        if config.jwt.keys or config.jwt.jwks:
            jwt()
    except ValueError as error:
        problems += _problems(error)
    if problems:
        raise ConfigError(tuple(problems))
    rules = session_rules(
        config.sessions,
        secure=config.server.secure,
        sealer=ring.sealer("session"),
        csrf_sealer=ring.sealer("csrf"),
        revocations=revocations,
    )
    recorded = RecordedTokens(TokenRecords(stores.documents), config.tokens)
    return Trust(
        ServiceTokens(config.tokens, recorded.identify),
        session_storage(config.sessions, rules, stores.keys),
        Argon2Passwords(),
        jwt,
        recorded,
        revocations,
    )


def _open_jwt(config: Config, ring: KeyRing, revocations: KeyStoreRevocations) -> JwtAuthority:
    from pi_server.auth.jwt_authority import open_jwt

    return open_jwt(config.jwt, ring, revocations, fetch, secure=config.server.secure)


def key_ring(config: Config, *, make: bool = True) -> KeyRing:
    """The ring of the configuration, or of this server's own secret; without ``make``, a ring that lasts a moment.

    Raises:
        ConfigError: a secret that can be guessed, or a file that cannot be used.
    """
    secrets = [secret.get_secret_value().encode() for secret in config.keyring]
    try:
        if not secrets:
            secrets = [own_secret(config.server.data_dir)] if make else [_passing_secret()]
        return KeyRing(secrets)
    except (ValueError, OSError) as error:
        raise ConfigError(_problems(error)) from None


def _passing_secret() -> bytes:
    from secrets import token_bytes

    return token_bytes(48)


def _known_tokens(config: Config) -> list[Problem]:
    known = known_digests()
    return [
        Problem(f"tokens.{name}", "is the digest of a token everybody knows; make a random one", "")
        for name, section in config.tokens.items()
        for secret in filter(None, (section.sha256, section.next_sha256))
        if secret.get_secret_value() in known
    ]


def _problems(error: Exception) -> tuple[Problem, ...]:
    """Errors told as ``key: reason``, one a line."""
    told = [line.partition(": ") for line in str(error).splitlines()]
    return tuple(Problem(key, reason, "") if reason else Problem("", key, "") for key, _, reason in told)
