"""Compresses answers for consumers that accept it."""

import asyncio
import gzip as codec
from collections.abc import Callable
from functools import lru_cache

from aiohttp import web
from multidict import istr

from pi_server.web.endpoint import Handler
from pi_server.web.negotiate import is_json, media_type
from pi_server.web.vary import vary_by

_LARGE = 2**16  # what takes more than about a millisecond is done in a thread
_ACCEPT = istr("Accept-Encoding")
_TEXT = frozenset({"application/javascript", "application/xml", "image/svg+xml"})
_OUR_PAGES = frozenset({"same-origin", "none"})


def gzip(minimum: int, level: int) -> Callable[[Handler], Handler]:
    """Compress answers of JSON or text with at least ``minimum`` bytes, at ``level`` from 1 (fast) to 9 (small).

    An answer whose length tells what is in it can betray a secret to a page that makes the consumer's browser ask again
    and again, each time with another guess (BREACH).  Such a page can use nothing but the cookies a browser adds by
    itself.  So a request with a cookie gets a compressed answer only if the browser says that a page of this site, or
    the person, asked (``Sec-Fetch-Site``).  A token in a header is no such danger: no other page can send it.
    """

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            if not isinstance(response, web.Response) or (body := _compressible(response, minimum)) is None:
                return response
            vary_by(response, "Accept-Encoding")
            if request.method != "HEAD" and _wanted(request):
                await _compress(response, body, level)
            return response

        return handle

    return link


def _compressible(response: web.Response, minimum: int) -> bytes | bytearray | None:
    """The body of an answer worth compressing: whole, in memory, and of a kind that shrinks."""
    body, headers = response.body, response.headers
    if response.prepared or not isinstance(body, (bytes, bytearray)) or len(body) < minimum:
        return None
    if response.status in (204, 206, 304):
        return None
    if "Content-Encoding" in headers or "no-transform" in headers.get("Cache-Control", ""):
        return None
    return body if _shrinks(media_type(headers.get("Content-Type", ""))) else None


def _shrinks(kind: str) -> bool:
    return kind.startswith("text/") or is_json(kind) or kind in _TEXT or kind.endswith("+xml")


def _wanted(request: web.Request) -> bool:
    headers = request.headers
    if not accepts_gzip(headers.get(_ACCEPT, "")):
        return False
    return "Cookie" not in headers or headers.get("Sec-Fetch-Site") in _OUR_PAGES


@lru_cache(maxsize=128)
def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header names gzip, or else anything, with a weight above 0."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        weights[coding.strip()] = _weight(parameter.strip())
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weight(parameter: str) -> float:
    if not parameter:
        return 1.0
    try:
        return float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0


async def _compress(response: web.Response, body: bytes | bytearray, level: int) -> None:
    if len(body) > _LARGE:
        packed = await asyncio.to_thread(codec.compress, body, level, mtime=0)
    else:
        packed = codec.compress(body, level, mtime=0)
    if len(packed) >= len(body):
        return
    response.body = packed
    response.headers["Content-Encoding"] = "gzip"
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):
        response.headers["ETag"] = f"W/{etag}"  # other bytes, the same meaning
