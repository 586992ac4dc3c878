"""Serves only so many calls at once; a queue would only make all of them late."""

from collections.abc import Callable

from aiohttp import web

from pi_server.domain.faults import Busy
from pi_server.web.endpoint import Handler


def in_flight(most: int) -> Callable[[Handler], Handler]:
    """Refuse with `Busy`, at once, what comes while ``most`` calls run behind all chains this one link stands in."""
    running = 0

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            nonlocal running
            if running >= most:
                raise Busy(headers={"Retry-After": "1"})
            running += 1
            try:
                return await handler(request)
            finally:
                running -= 1

        return handle

    return link
