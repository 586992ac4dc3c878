"""Tells each request once, after it was processed."""

from collections.abc import Callable
from time import perf_counter

from aiohttp import web

from pi_server.domain.call import Call
from pi_server.domain.consumer import ANONYMOUS
from pi_server.domain.ports import Access, AccessLog
from pi_server.web.endpoint import Handler
from pi_server.web.state import CALL, CONSUMER, FAULT

VANISHED = 499
"""The status told of a consumer that went away before its answer (nginx's convention)."""


def access_log(log: AccessLog) -> Callable[[Handler], Handler]:
    """Record status, processing time, address, verb, path with query, correlation id, consumer and fault."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            start, status, call = perf_counter(), VANISHED, request[CALL]
            request[FAULT] = None
            try:
                response = await handler(request)
                status = response.status
                return response
            finally:
                tell(request, call, status, perf_counter() - start)

        return handle

    def tell(request: web.Request, call: Call, status: int, seconds: float) -> None:
        gone = request.transport is None
        fault = request.get(FAULT)
        log.record(
            Access(
                status=VANISHED if gone else status,
                seconds=seconds,
                source=call.source,
                verb=request.method,
                target=request.path_qs,
                correlation_id=call.correlation_id,
                consumer=request.get(CONSUMER, ANONYMOUS).name,
                error="the consumer went away" if gone else str(fault) if fault else "",
            )
        )

    return link
