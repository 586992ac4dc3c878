"""How much time a consumer has left for its answer, which it may say in a header."""

from multidict import istr

from pi_server.domain.faults import InvalidTimeout

TIMEOUT_HEADER = istr("x-timeout-ms")
"""Names it, in whole milliseconds."""

_DIGITS = 10


def seconds_left(told: str) -> float:
    """The seconds that ``told`` means; InvalidTimeout when it is no whole number of milliseconds."""
    if not (told.isascii() and told.isdigit() and len(told) <= _DIGITS):
        raise InvalidTimeout
    return int(told) / 1000
