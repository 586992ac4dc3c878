"""A complete answer as the bytes of HTTP/1.1, in a third of the time aiohttp takes for one that may be anything."""

from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import NamedTuple

from aiohttp import HttpVersion11, hdrs, web

_LARGEST = 64 * 1024  # bytes of a body; aiohttp sends what is larger in pieces
_EMPTY = frozenset({204, 304})  # statuses that never have a body
_SPECIAL = frozenset({hdrs.METH_HEAD, hdrs.METH_CONNECT})  # answered without a body, or followed by no HTTP


class Told(NamedTuple):
    """What aiohttp's connection asks an answer for that was sent: whether another request may follow."""

    keep_alive: bool


def plain(request: web.BaseRequest, response: web.StreamResponse) -> bytes | None:
    """Head and body of ``response``; None for all but the plain kind, which aiohttp has to send."""
    if type(response) is not web.Response or not _is_plain(request, response):
        return None
    body = response.body
    if not isinstance(body, bytes) or not 0 < len(body) <= _LARGEST:
        return None
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    lines += (f"Content-Length: {len(body)}", f"Date: {_date(int(time()))}")
    if not keeps_alive(request, response):
        lines.append("Connection: close")
    head = "\r\n".join(lines)
    if not head.count("\r") == head.count("\n") == len(lines) - 1 or "\0" in head:
        return None  # aiohttp says what is wrong with it
    return b"%b\r\n\r\n%b" % (head.encode(), body)


def keeps_alive(request: web.BaseRequest, response: web.StreamResponse) -> bool:
    """Whether the connection serves another request after this."""
    return request.keep_alive if response.keep_alive is None else response.keep_alive


def _is_plain(request: web.BaseRequest, response: web.Response) -> bool:
    """Whether nothing is missing but its length and the date."""
    if request.version != HttpVersion11 or request.method in _SPECIAL or hdrs.UPGRADE in request.headers:
        return False
    if response.prepared or response.status < 200 or response.status in _EMPTY:
        return False
    if response.cookies or response.compression or response.chunked:
        return False
    headers = response.headers
    if hdrs.CONTENT_LENGTH in headers or hdrs.CONNECTION in headers or hdrs.DATE in headers:
        return False
    return hdrs.SERVER in headers and hdrs.CONTENT_TYPE in headers


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
