"""The innermost handler of a route: typed input in, the operation, an enveloped answer out."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import hdrs, web

from pi_server.domain.call import Call, current_call
from pi_server.domain.consumer import ANONYMOUS
from pi_server.domain.deadline import Deadline
from pi_server.domain.faults import CallTimeout
from pi_server.domain.operation import Operation
from pi_server.domain.service import Service
from pi_server.domain.watch import Watch
from pi_server.web.admission import Admission
from pi_server.web.body import BodyReader, Patience
from pi_server.web.inputs import Inputs
from pi_server.web.negotiate import choose_produced
from pi_server.web.parameters import is_many
from pi_server.web.state import CALL, CONSUMER
from pi_server.web.time_budget import TIMEOUT_HEADER, seconds_left

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Respond = Callable[[Any, str, str], web.Response]
"""The answer of what an operation returned, the correlation id, and the content type that was chosen."""

_PATIENCE = Patience()


class Endpoint:
    """One operation of one service, compiled when it is mounted."""

    def __init__(
        self,
        service: Service,
        operation: Operation,
        respond: Respond,
        timeout: float,
        patience: Patience = _PATIENCE,
    ) -> None:
        """Read the signature; ``timeout`` (of the whole call, in seconds) and ``patience`` (with its body) both hold.

        ``respond`` makes the answer of what the operation returned.

        Raises:
            ValueError: the signature cannot be served.
        """
        self._service = service
        self._operation = operation
        self._admit = Admission(operation)
        self._timeout = timeout
        self._watch = Watch()
        self._inputs = Inputs(operation)
        self._respond = respond
        many = frozenset(n for p in self._inputs.parameters for n, a in p.fields.items() if is_many(a))
        consumes = operation.consumes or service.consumes
        self._reader = BodyReader(consumes, many, patience, decompress=operation.decompress)
        self._takes_body = self._inputs.takes_body
        self._takes_nothing = not self._inputs.parameters
        self._produces = operation.produces or service.produces

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Serve one request; every failure leaves as a `Fault`."""
        content_type = choose_produced(request.headers.get(hdrs.ACCEPT, ""), self._produces)
        call = self._call(request)
        self._admit(call.consumer)
        limit = self._watch.until(call.deadline)
        try:
            with limit:
                body = await self._reader.read(request, limit) if self._takes_body and request.body_exists else None
                arguments = self._arguments(request, body)
                result = await self._operation.method(self._service, call, **arguments)
        except TimeoutError:
            if not limit.expired:
                raise
            raise CallTimeout from None
        return self._respond(result, call.correlation_id, content_type)

    def _arguments(self, request: web.Request, body: Any) -> dict[str, Any]:
        asked = request.rel_url.raw_query_string
        if self._takes_nothing and not asked:  # most of what is asked often
            return {}
        return self._inputs.arguments(request.match_info, _query(request) if asked else {}, body)

    def _call(self, request: web.Request) -> Call:
        """The call as the operation knows it: by whom, and until when, which the consumer may only shorten."""
        begun, told = request[CALL], request.headers.get(TIMEOUT_HEADER)
        left = self._timeout if told is None else min(seconds_left(told), self._timeout)
        if left == 0:
            raise CallTimeout(reason="the consumer had no time left")
        call = Call(
            correlation_id=begun.correlation_id,
            consumer=request.get(CONSUMER, ANONYMOUS),
            source=begun.source,
            deadline=Deadline(self._watch.now() + left),
            operation=self._operation,
            hurried=left < self._timeout,
            languages=request.headers.get(hdrs.ACCEPT_LANGUAGE, ""),
            trace=begun.trace,
        )
        current_call.set(call)
        return call


def _query(request: web.Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.query.items():
        found.setdefault(name, []).append(value)
    return found
