"""Lets in whoever shows a known ``x-srv-token``."""

from collections.abc import Callable

from aiohttp import web
from multidict import istr

from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Unauthenticated
from pi_server.web.endpoint import Handler
from pi_server.web.state import CONSUMER

TOKEN_HEADER = "x-srv-token"  # noqa: S105 - the name of a header, no secret


def token(identify: Callable[[str], Consumer | None]) -> Callable[[Handler], Handler]:
    """Ask ``identify`` whose token it is; nobody's, or none, is `Unauthenticated` without a word of why."""
    name = istr(TOKEN_HEADER)  # looked up without lowering its case again

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            shown = request.headers.getall(name, ())
            consumer = identify(shown[0]) if len(shown) == 1 else None
            if consumer is None:
                raise Unauthenticated
            request[CONSUMER] = consumer
            return await handler(request)

        return handle

    return link
