"""What every key store agrees on: how a key is named, how long a value lasts, and how a counter is written."""

import re
from hashlib import sha256
from typing import Final

from pi_server.domain.faults import StoreUnavailable

LONGEST: Final = 512
"""Bytes of a key that is kept as it stands; of a longer one only its digest is."""

_DIGEST: Final = b"sha256:"
_WHOLE: Final = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_LEAST, _MOST = -(2**63), 2**63 - 1
_AGE: Final = 100 * 365 * 86_400.0  # seconds; a longer time overflows where it is added to the date


def stored_name(key: str) -> bytes:
    """The bytes a key is kept under; no two keys share them, not even a long one and one that looks like its digest."""
    raw = key.encode("utf-8", "surrogatepass")  # a lone surrogate may come out of a JSON text
    if len(raw) <= LONGEST and not raw.startswith(_DIGEST):
        return raw
    return _DIGEST + sha256(raw).hexdigest().encode()


def milliseconds(lasting: float | None) -> int | None:
    """Seconds as whole milliseconds: at least one, for what ends now or has ended; None is for ever."""
    return None if lasting is None else max(1, round(min(lasting, _AGE) * 1000))


def added(value: bytes | None, by: int) -> int:
    """The counter written as ``value``, and ``by`` more; it begins at 0 and fits 64 bits.

    Raises:
        StoreUnavailable: ``value`` is no counter, or the sum does not fit.
    """
    if value is not None and not _WHOLE.fullmatch(value):
        raise StoreUnavailable("a value that is not a whole number cannot be counted up")
    total = int(value or 0) + by
    if not _LEAST <= total <= _MOST:
        raise StoreUnavailable("a counter would leave 64 bits")
    return total
