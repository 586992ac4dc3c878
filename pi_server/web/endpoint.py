"""The innermost handler of a route: typed input in, the operation, an enveloped answer out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from pi_server.domain.call import Call, current_call
from pi_server.domain.consumer import ANONYMOUS
from pi_server.domain.deadline import Deadline
from pi_server.domain.envelope import Envelope
from pi_server.domain.faults import BodyTooSlow, CallTimeout, Detail, Forbidden, InvalidSyntax
from pi_server.domain.operation import Operation
from pi_server.domain.service import Service
from pi_server.domain.watch import Limit, Watch
from pi_server.web.inputs import Inputs
from pi_server.web.json_body import parse_json
from pi_server.web.negotiate import check_consumes, choose_produced, is_json
from pi_server.web.parameters import is_many
from pi_server.web.respond import Responder
from pi_server.web.state import CALL, CONSUMER

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FORM = "application/x-www-form-urlencoded"


class Endpoint:
    """One operation of one service, compiled when it is mounted."""

    def __init__(self, service: Service, operation: Operation, envelope: Envelope, timeout: float) -> None:
        """Read the signature; ``timeout`` is in seconds.

        Raises:
            ValueError: the signature cannot be served.
        """
        self._service = service
        self._operation = operation
        self._timeout = timeout
        self._watch = Watch()
        self._inputs = Inputs(operation)
        returned = get_type_hints(operation.method).get("return", Any)
        self._responder = Responder(operation, returned, envelope)
        self._consumes = operation.consumes or service.consumes
        self._produces = operation.produces or service.produces

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Serve one request; every failure leaves as a `Fault`."""
        content_type = choose_produced(request.headers.get(hdrs.ACCEPT, ""), self._produces)
        call = self._call(request)
        if not call.consumer.may(self._operation.scope):
            raise Forbidden
        limit = self._watch.until(call.deadline)
        try:
            with limit:
                body = await self._body(request, limit) if self._inputs.takes_body else None
                arguments = self._inputs.arguments(request.match_info, _query(request), body)
                result = await self._operation.method(self._service, call, **arguments)
        except TimeoutError:
            if not limit.expired:
                raise
            raise CallTimeout from None
        return self._responder.respond(result, call.correlation_id, content_type)

    def _call(self, request: web.Request) -> Call:
        """The call as the operation knows it: by whom, and until when."""
        begun = request[CALL]
        call = Call(
            correlation_id=begun.correlation_id,
            consumer=request.get(CONSUMER, ANONYMOUS),
            source=begun.source,
            deadline=Deadline(self._watch.now() + self._timeout),
            operation=self._operation,
        )
        current_call.set(call)
        return call

    async def _body(self, request: web.Request, limit: Limit) -> Any:
        if not request.body_exists:
            return None
        kind = check_consumes(
            request.headers.get("Content-Type", ""), request.headers.get("Content-Encoding", ""), self._consumes
        )
        try:
            body = await request.read()
        except asyncio.CancelledError:
            if limit.expired:
                raise BodyTooSlow from None
            raise
        if is_json(kind):
            return parse_json(body)
        return self._form(body) if kind == _FORM else body

    def _form(self, body: bytes) -> dict[str, Any]:
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError:
            raise InvalidSyntax(message="The request body is not a valid form.") from None
        many = {n for p in self._inputs.parameters for n, a in p.fields.items() if is_many(a)}
        fields: dict[str, Any] = {}
        for name, value in pairs:
            if name in many:
                fields.setdefault(name, []).append(value)
            elif name in fields:
                raise InvalidSyntax(
                    message="The request body is not a valid form.", details=(Detail(name, "Given twice"),)
                )
            else:
                fields[name] = value
        return fields


def _query(request: web.Request) -> dict[str, list[str]]:
    if not request.query_string:
        return {}
    found: dict[str, list[str]] = {}
    for name, value in request.query.items():
        found.setdefault(name, []).append(value)
    return found
