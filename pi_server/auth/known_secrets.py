"""Secrets that are none, because everybody knows them; a server that was given one must not start."""

import hashlib
import re
from collections.abc import Iterable
from functools import cache

SHORTEST = 32
"""Bytes a secret has at least."""

_WORDS = (
    "monapi-builtin-token",
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdef",
    "1234567890",
    "changeme",
    "change-me",
    "change_me",
    "password",
    "secret",
    "default",
    "example",
    "letmein",
    "qwertyuiop",
    "your-256-bit-secret",
    "deadbeef",
)
_TOKENS = (*_WORDS, "token", "test", "admin", "root", "pi-server", "builtin-token", "x-srv-token")
_KNOWN = re.compile("|".join(sorted(map(re.escape, _WORDS), key=len, reverse=True)).encode(), re.IGNORECASE)
_REST = 16  # bytes that must be left once the well-known words are taken out


def check_secret(name: str, value: bytes) -> None:
    """Refuse a secret that can be guessed.

    Raises:
        ValueError: it is well known, a repetition, or shorter than 32 bytes; the text names ``name``, never the value.
    """
    reason = _weakness(value.strip())
    if reason:
        raise ValueError(f"{name}: {reason}")


@cache
def known_digests() -> frozenset[str]:
    """SHA-256 in hexadecimal of the tokens everybody knows, in the spellings people use, and of the empty one."""
    return frozenset(hashlib.sha256(token.encode()).hexdigest() for token in ("", *_spellings(_TOKENS)))


def _spellings(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        yield from (word, word.upper(), word.capitalize(), f"{word}\n")  # the last: ``echo`` adds a line's end


def _weakness(value: bytes) -> str:
    if _KNOWN.search(value) and len(_KNOWN.sub(b"", value)) < _REST:
        return "is a well-known secret; make a random one"
    if len(value) < SHORTEST:
        return f"must have at least {SHORTEST} bytes"
    return "repeats itself; make a random one" if _repeats(value) else ""


def _repeats(value: bytes) -> bool:
    """Whether a short text said twice or more makes up all of it."""
    return any(value.startswith(value[period:]) for period in range(1, len(value) // 2 + 1))
