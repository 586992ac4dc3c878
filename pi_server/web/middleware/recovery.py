"""The only place that turns failures into answers."""

import logging
from collections.abc import Callable

from aiohttp import web

from pi_server.domain.ending import is_ending
from pi_server.domain.envelope import Envelope
from pi_server.domain.faults import BodyTooLarge, Fault, InternalFault, InvalidSyntax
from pi_server.web.endpoint import Handler
from pi_server.web.respond import fault_response, sendable
from pi_server.web.state import CALL, FAULT

_log = logging.getLogger("pi_server.recovery")


def recovery(envelope: Envelope) -> Callable[[Handler], Handler]:
    """Answer every fault in ``envelope``; any other exception is logged with its trace and told as `InternalFault`."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return sendable(await handler(request))
            except BaseException as error:  # even a SystemExit of a plugin must not end the server
                if is_ending(error):
                    raise
                fault = _fault(request, error)
            try:
                return tell(request, fault)
            except (TypeError, ValueError) as error:  # a header or status that a plugin put into its fault
                return tell(request, _fault(request, error))

        return handle

    def tell(request: web.Request, fault: Fault) -> web.StreamResponse:
        request[FAULT] = fault
        return sendable(fault_response(fault, envelope, request[CALL].correlation_id))

    return link


def _fault(request: web.Request, error: BaseException) -> Fault:
    """The fault a consumer is told of for what was raised."""
    match error:
        case Fault():
            return error
        case web.HTTPRequestEntityTooLarge():
            return BodyTooLarge()
        case web.HTTPException():
            return Fault(
                "http", error.status, error.reason, headers={k: v for k, v in error.headers.items() if k == "Location"}
            )
        case web.RequestPayloadError():
            return InvalidSyntax(message="The request body is malformed.")
        case ConnectionError() if request.transport is None:
            return InvalidSyntax(message="The request body ended early.")
        case _:
            _log.error("%s %s failed", request.method, request.path, exc_info=error)
            return InternalFault()
