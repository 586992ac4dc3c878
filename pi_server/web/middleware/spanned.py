"""Makes a span of each request to an operation; outermost, so that nothing is left out."""

from collections.abc import Callable
from random import random
from time import time_ns

from aiohttp import web
from multidict import istr

from pi_server.domain.consumer import ANONYMOUS
from pi_server.domain.mount import Mount
from pi_server.domain.span import Record, Serving, Span, current_span, new_span_id, shown, trace_of, traceparent
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.access_log import VANISHED
from pi_server.web.state import CALL, CONSUMER, FAULT

_TRACE = istr("traceparent")

Attributes = dict[str, str | int]


def spanned(record: Record, share: float, mount: Mount) -> Callable[[Handler], Handler]:
    """Tell ``record`` of requests to one operation: those the consumer keeps spans of, else ``share`` of them."""
    operation = mount.operation
    name = f"{operation.verb} {operation.path}"
    place: Attributes = {
        "http.request.method": operation.verb,
        "http.route": operation.path,
        "pi_server.service": operation.service,
        "pi_server.operation": operation.name,
    }

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            parent = traceparent(request.headers.get(_TRACE, ""))
            serving = Serving(new_span_id(), parent.sampled if parent else random() < share)  # noqa: S311 - no secret
            current_span.set(serving)
            if not serving.sampled:
                return await handler(request)
            begun, status = time_ns(), VANISHED
            request[FAULT] = None
            try:
                response = await handler(request)
                if request.transport is not None:
                    status = response.status
                return response
            finally:
                call, attributes = request[CALL], {**place, **_ended(request, status)}
                failed = attributes.get("error.type") is not None
                above = parent.span if parent else ""
                record(Span("server", name, trace_of(call), serving.id, above, begun, failed, attributes))

        return handle

    return link


def _ended(request: web.Request, status: int) -> Attributes:
    """Who asked for what, and how it ended; a fault of the consumer's is no error of this server."""
    attributes: Attributes = {
        "url.path": shown(request.rel_url.raw_path),
        "url.scheme": request.scheme,
        "pi_server.correlation_id": request[CALL].correlation_id,
    }
    if consumer := request.get(CONSUMER, ANONYMOUS).name:
        attributes["pi_server.consumer"] = shown(consumer)
    if status == VANISHED:
        return {**attributes, "error.type": "vanished"}
    attributes["http.response.status_code"] = status
    if fault := request[FAULT]:
        attributes["pi_server.fault"] = shown(fault.code)
    if (fault.status if fault else status) >= 500:
        attributes["error.type"] = shown(fault.code) if fault else str(status)
    return attributes
