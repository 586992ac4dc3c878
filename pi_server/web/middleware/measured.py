"""Counts what becomes of each request; outermost, so that nothing is left out."""

from collections.abc import Callable
from time import perf_counter

from aiohttp import web

from pi_server.domain.measured import Blame, Tally, blame_of
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.access_log import VANISHED
from pi_server.web.state import FAULT


def measured(tally: Tally) -> Callable[[Handler], Handler]:
    """Tell ``tally`` of status, blame and time; there are no strings to be made on this way."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            begun, status = perf_counter(), VANISHED
            request[FAULT] = None
            tally.running += 1
            try:
                response = await handler(request)
                if request.transport is not None:
                    status = response.status
                return response
            finally:
                fault = request[FAULT]
                blame: Blame = "nobody" if status < 400 else "consumer" if status < 500 else "us"
                if fault is not None and status != VANISHED:
                    blame = blame_of(fault)
                    tally.refused(fault.code)
                tally.ended(status, blame, perf_counter() - begun)

        return handle

    return link
