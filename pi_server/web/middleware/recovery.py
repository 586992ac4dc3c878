"""The only place that turns failures into answers."""

import logging
from collections.abc import Callable

from aiohttp import web

from pi_server.domain.ending import is_ending
from pi_server.domain.envelope import Envelope
from pi_server.domain.faults import BodyTooLarge, Fault, InternalFault, InvalidSyntax, StoreUnavailable
from pi_server.domain.stores import StoreTooNewError
from pi_server.web.endpoint import Handler
from pi_server.web.respond import CutOff, fault_response, has_begun, sendable
from pi_server.web.state import CALL, FAULT

_log = logging.getLogger("pi_server.recovery")


def recovery(envelope: Envelope) -> Callable[[Handler], Handler]:
    """Answer every fault in ``envelope``; any other exception is logged with its trace and told as `InternalFault`."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            id_ = request[CALL].correlation_id  # links further in may lose what stands on a request
            try:
                return sendable(await handler(request), request)
            except BaseException as error:  # even a SystemExit of a plugin must not end the server
                if is_ending(error):
                    raise
                fault = _fault(request, error)
            try:
                return tell(request, fault, id_)
            except (TypeError, ValueError) as error:  # a header or status that a plugin put into its fault
                return tell(request, _fault(request, error), id_)

        return handle

    def tell(request: web.Request, fault: Fault, correlation_id: str) -> web.StreamResponse:
        request[FAULT] = fault
        if has_begun(request):
            return CutOff(status=fault.status)
        return sendable(fault_response(fault, envelope, correlation_id), request)

    return link


def _fault(request: web.Request, error: BaseException) -> Fault:
    """The fault a consumer is told of for what was raised."""
    fault: Fault = InternalFault()
    match error:
        case Fault():
            fault = error
        case StoreTooNewError():  # it came back as another's; this version must not touch it
            fault = StoreUnavailable(str(error))
        case web.HTTPRequestEntityTooLarge():
            fault = BodyTooLarge()
        case web.HTTPException():
            headers = {k: v for k, v in error.headers.items() if k == "Location"}
            fault = Fault("http", error.status, error.reason, headers=headers)
        case web.RequestPayloadError():
            fault = InvalidSyntax(message="The request body is malformed.")
        case ConnectionError() if request.transport is None:
            fault = InvalidSyntax(message="The request body ended early.")
        case _:
            _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return fault
