"""Ties everything said about a call together under one id."""

import re
from collections.abc import Callable

from aiohttp import hdrs, web
from multidict import istr

from pi_server.domain.call import CORRELATION_HEADER, Call, current_call, new_correlation_id
from pi_server.domain.span import traceparent
from pi_server.web.endpoint import Handler
from pi_server.web.state import CALL

_SAFE = re.compile(r"[A-Za-z0-9-]{1,64}")
_ANSWERED = istr(CORRELATION_HEADER)  # an istr is looked up without lowering its case again
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_TRACE = istr("traceparent")


def correlation(headers: tuple[str, ...]) -> Callable[[Handler], Handler]:
    """Take the id from the first of ``headers`` that is there, or make one; answer with it as ``activityid``.

    Of a ``traceparent`` only the trace id is used for it; one that is valid is passed on to providers.  An id that is
    unsafe to log is replaced.
    """
    names = tuple(map(istr, headers))

    def chosen(request: web.Request) -> str:
        given = request.headers
        for name in names:
            value = given.get(name)
            if value is not None:
                trace = _TRACEPARENT.fullmatch(value) if name.lower() == "traceparent" else None
                value = trace[1] if trace else value
                return value if _SAFE.fullmatch(value) else new_correlation_id()
        return new_correlation_id()

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            told = request.headers.get(_TRACE)
            trace = "" if told is None else _trace(told)
            call = Call(correlation_id=chosen(request), source=request.remote or "", trace=trace)
            request[CALL] = call
            current_call.set(call)
            response = await handler(request)
            if not response.prepared:
                response.headers[_ANSWERED] = call.correlation_id
                response.headers[hdrs.SERVER] = "pi-server"  # what it runs on is nobody's business
            return response

        return handle

    return link


def _trace(told: str) -> str:
    """Id and flags of a ``traceparent``; of one that is not valid nothing, as if it were not there."""
    known = traceparent(told)
    return f"{known.trace}-{known.flags}" if known else ""
