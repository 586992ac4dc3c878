"""The server's own secrets: every key that seals or signs is derived from them, for one purpose each."""

import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from pi_server.auth.known_secrets import check_secret
from pi_server.domain.security import Opened, Sealer


class KeyRing:
    """Secrets, newest first: the newest seals and signs, all of them open and verify.

    To rotate, put a new secret in front; once nothing sealed with the last one matters any more, take that away.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        """At least one secret; ValueError when there is none, or one that can be guessed (named by its position)."""
        if not secrets:
            raise ValueError("keyring: needs at least one secret")
        for position, secret in enumerate(secrets):
            check_secret(f"keyring.{position}", secret)
        self._secrets = tuple(secrets)

    def __len__(self) -> int:
        """How many secrets there are."""
        return len(self._secrets)

    def sealer(self, purpose: str) -> Sealer:
        """What seals for ``purpose`` only."""
        return _LateSealer(self._secrets, purpose)

    def derive(self, purpose: str, index: int = 0) -> bytes:
        """32 bytes for ``purpose``, from the secret at ``index`` (0 is the newest); IndexError when there is none."""
        from pi_server.auth.sealing import derived

        return derived(self._secrets[index], "derive", purpose)


class _LateSealer:
    """Loads the cryptography when something is first sealed or opened: many servers never do, and it takes memory."""

    def __init__(self, secrets: Sequence[bytes], purpose: str) -> None:
        self._secrets = secrets
        self._purpose = purpose

    @cached_property
    def _sealer(self) -> Sealer:
        from pi_server.auth.sealing import FernetSealer, derived

        return FernetSealer([derived(secret, "seal", self._purpose) for secret in self._secrets])

    def seal(self, plain: bytes, /) -> str:
        return self._sealer.seal(plain)

    def unseal(self, sealed: str, /) -> Opened | None:
        return self._sealer.unseal(sealed)


def own_secret(data_dir: Path) -> bytes:
    """The secret this server made for itself in ``data_dir/keyring``, made now if there is none.

    Processes that start at once agree on one: the file appears whole, and only where there was none.

    Raises:
        ValueError: others may read the file, or what it holds is no secret.
        OSError: it can neither be read nor made.
    """
    path = data_dir / "keyring"
    if not path.exists():
        data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        _make(path)
    return _read(path)


def _make(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    try:
        _write(draft, secrets.token_urlsafe(32).encode() + b"\n")
        with suppress(FileExistsError):  # another process was quicker: its secret counts
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)  # a secret lost in a power cut would sign everybody out


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
            raise ValueError(f"{path}: must be a file that only its owner can read (chmod 600)")
        if status.st_uid not in {os.geteuid(), 0}:
            raise ValueError(f"{path}: belongs to another user")
        secret = file.read(4096).strip()
    check_secret(str(path), secret)
    return secret
