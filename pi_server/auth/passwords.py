"""Passwords are hashed with Argon2id, in threads of their own and a few at a time: each hash takes 19 MiB and 50 ms."""

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pi_server.domain.faults import Busy, Detail, InvalidInput
from pi_server.domain.security import Verdict

T = TypeVar("T")

LONGEST_PASSWORD = 4096
"""Bytes of UTF-8: a longer one is nobody's password, and is not hashed."""

_MEMORY, _PASSES, _LANES, _HASH, _SALT = 19 * 1024, 2, 1, 32, 16  # KiB, times, threads, bytes, bytes
_TOO_LONG: Final = Detail("password", f"must be text of at most {LONGEST_PASSWORD} bytes")


class Argon2Passwords:
    """The `Passwords` of one worker.

    Passwords are normalised (Unicode NFC) first: the same letters typed on another keyboard are the same password.
    """

    def __init__(self, *, at_once: int = 4, patience: float = 2.0) -> None:
        """Hash ``at_once`` passwords together at most; a call waits ``patience`` seconds for its turn."""
        self._hasher = PasswordHasher(_PASSES, _MEMORY, _LANES, _HASH, _SALT)
        self._nobody = _nobodys_hash()
        self._turns = asyncio.Semaphore(at_once)
        self._patience = patience
        self._threads = ThreadPoolExecutor(at_once, "pi-server-passwords")

    async def hash(self, password: str) -> str:
        """The hash to keep.

        Raises:
            Busy: too many wait.
            InvalidInput: the password has more than 4,096 bytes, or is no Unicode text.
        """
        plain = _normal(password)
        if plain is None:
            raise InvalidInput(details=(_TOO_LONG,))
        return await self._in_turn(lambda: self._hasher.hash(plain))

    async def verify(self, hashed: str | None, password: str) -> Verdict:
        """Whether the password is the one; with None, for an unknown user, it takes as long and never is.

        Raises:
            Busy: too many wait.
        """
        plain = _normal(password)
        if plain is None:
            return Verdict(right=False)
        right = await self._in_turn(lambda: self._matches(hashed or self._nobody, plain))
        if not right or not hashed:
            return Verdict(right=False)
        return Verdict(right=True, rehash=self._hasher.check_needs_rehash(hashed))

    def close(self) -> None:
        """Let go of the threads; hashes that have begun are finished, those that wait are not."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_turn(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            raise Busy(headers={"Retry-After": "1"}, reason="too many passwords wait to be hashed") from None
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except BaseException:
            self._turns.release()
            raise
        running.add_done_callback(lambda _: self._turns.release())
        return await asyncio.shield(running)  # a call that goes away must not let another begin before its hash ends

    def _matches(self, hashed: str, plain: bytes) -> bool:
        try:
            return self._hasher.verify(hashed, plain)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False


def _normal(password: str) -> bytes | None:
    """The bytes to hash; None for what is never right."""
    if len(password) > LONGEST_PASSWORD:
        return None
    try:
        plain = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return None
    return plain if len(plain) <= LONGEST_PASSWORD else None


def _nobodys_hash() -> str:
    """A hash of today's parameters that no password has: made up, not computed, so the start waits for nothing."""
    salt, hashed = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (_SALT, _HASH))
    return f"$argon2id$v=19$m={_MEMORY},t={_PASSES},p={_LANES}${salt}${hashed}"
