"""Answers OPTIONS where the path has operations."""

from aiohttp import web

from pi_server.domain.faults import MethodNotAllowed
from pi_server.web.endpoint import Handler
from pi_server.web.state import REFUSAL


def options(handler: Handler) -> Handler:
    """Turn the refusal of OPTIONS into 204 with ``Allow``; any other refusal stays what it is.

    Of those that are refused with 405 anyway, so the link costs no operation anything.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        refusal = request.get(REFUSAL)
        if request.method != "OPTIONS" or not isinstance(refusal, MethodNotAllowed):
            return await handler(request)
        return web.Response(status=204, headers={"Allow": refusal.headers["Allow"]})

    return handle
