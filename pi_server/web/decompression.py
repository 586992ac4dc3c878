"""Compressed bodies, for operations that take them: a small body must not become a large one."""

import asyncio
import zlib
from collections.abc import Iterator

from pi_server.domain.faults import BodyTooLarge, InvalidSyntax

RATIO = 100
"""A body may grow to at most so many times its size."""

CODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""The codings that are known, and what zlib calls them; ``deflate`` is the zlib format (RFC 9110, 8.4.1.2)."""

_SLICE_IN = 2**16
_SLICE_OUT = 2**20  # a few milliseconds of the event loop


async def decompressed(body: bytes, coding: str, most: int) -> bytes:
    """What ``body`` was before it was compressed; other calls are served between its slices.

    Raises:
        BodyTooLarge: it would have more than ``most`` bytes, or than `RATIO` times those that came.
        InvalidSyntax: it is not in this coding, is cut, or has anything behind its end.
    """
    most = min(most, RATIO * len(body))
    unpacked = bytearray()
    try:
        for piece in _pieces(body, coding):
            unpacked += piece
            if len(unpacked) > most:
                raise BodyTooLarge
            await asyncio.sleep(0)
    except zlib.error as error:
        raise InvalidSyntax(message="The request body is not compressed as it says.", reason=str(error)) from None
    return bytes(unpacked)


def _pieces(body: bytes, coding: str) -> Iterator[bytes]:
    """The decompressed body in slices, each made only when it is asked for."""
    unpack = zlib.decompressobj(CODINGS[coding])
    for begin in range(0, len(body), _SLICE_IN):
        rest = body[begin : begin + _SLICE_IN]
        while rest:
            if unpack.eof:
                raise zlib.error("something stands behind the end")
            yield unpack.decompress(rest, _SLICE_OUT)
            rest = unpack.unconsumed_tail or unpack.unused_data
    if not unpack.eof:
        raise zlib.error("the end is missing")
