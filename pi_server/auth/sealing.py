"""Sealing with keys derived from a secret, each for one purpose."""

import base64
from collections.abc import Sequence
from contextlib import suppress

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pi_server.domain.security import Opened

KEY_BYTES = 32


class FernetSealer:
    """Fernet (AES-128-CBC and HMAC-SHA256) in its one canonical spelling, without padding, as cookies like it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """``keys`` of 32 bytes, the newest first."""
        self._fernets = [Fernet(base64.urlsafe_b64encode(key)) for key in keys]

    def seal(self, plain: bytes, /) -> str:
        """Text only these keys open."""
        return self._fernets[0].encrypt(plain).rstrip(b"=").decode("ascii")

    def unseal(self, sealed: str, /) -> Opened | None:
        """What was sealed; None for anything else."""
        text = _padded(sealed)
        for fernet in self._fernets if text else ():
            with suppress(InvalidToken):
                return Opened(fernet.decrypt(text), fresh=fernet is self._fernets[0])
        return None


def derived(secret: bytes, use: str, purpose: str) -> bytes:
    """A key for one use and purpose; of no key can another, or the secret, be learnt."""
    info = f"pi-server/{use}/{purpose}".encode()
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(secret)


def _padded(sealed: str) -> bytes:
    """The text as Fernet wants it; empty unless it is the very spelling that `seal` would have chosen.

    Base64 decoders pass over foreign characters and unused bits: without this a changed text could still open.
    """
    try:
        bare = sealed.encode("ascii")
        text = bare + b"=" * (-len(bare) % 4)
        spelled = base64.urlsafe_b64encode(base64.urlsafe_b64decode(text)).rstrip(b"=")
        return text if spelled == bare else b""
    except ValueError:  # not ASCII, or no length base64 can have
        return b""
