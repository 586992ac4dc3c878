"""Secrets that tests give away on purpose, and the search for them in everything that was written.

Every secret a test invents begins with `BIRD`.  Whatever log or stream holds one then holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

BIRD = "CANARY0"
CARDS = ("4111111111111111", "5555-5555-5555-4444")
IBAN = "DE89 3704 0044 0532 0130 00"
_WRITTEN = ("*.log", "out", "stdout.txt", "stderr.txt")
_numbers = count(1)


def canary() -> str:
    """A secret nobody else has."""
    return f"{BIRD}{next(_numbers):04d}"


def written_below(folder: Path) -> Iterator[Path]:
    """Every log file and kept stream below ``folder``."""
    for pattern in _WRITTEN:
        yield from (path for path in folder.rglob(pattern) if path.is_file())


def escaped(paths: Iterable[Path], secrets: Iterable[str] = (BIRD,)) -> list[str]:
    """The places where a secret can be read, as ``file: the text around it``."""
    wanted = [secret.encode() for secret in secrets]
    return [
        f"{path}: {_around(path.read_bytes(), one)!r}" for path in paths for one in wanted if one in path.read_bytes()
    ]


def _around(data: bytes, secret: bytes) -> bytes:
    at = data.index(secret)
    return data[max(at - 60, 0) : at + 40]
