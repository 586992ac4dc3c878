"""What an answer depends on besides its path, for the caches on the way."""

from aiohttp import web
from multidict import istr

_VARY = istr("Vary")


def vary_by(response: web.StreamResponse, header: str) -> None:
    """Say that the answer would be another one for another value of the request's ``header``."""
    told = response.headers.get(_VARY)
    if told is None:
        response.headers[_VARY] = header
    elif header.lower() not in (name.strip().lower() for name in told.split(",")):
        response.headers[_VARY] = f"{told}, {header}"
