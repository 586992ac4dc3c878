"""The outbound link that passes the trace of a call on, as W3C's ``traceparent``."""

from collections.abc import Awaitable

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireRequest, WireResponse
from pi_server.domain.span import new_span_id, trace_of


def traced(send: Send) -> Send:
    """Send the trace of the consumer along, or one that begins here; each try is a span of its own."""

    def told(exchange: Exchange) -> Awaitable[WireResponse]:
        return send(passed_on(exchange, new_span_id(), "01"))

    return told


def passed_on(exchange: Exchange, span: str, flags: str) -> Exchange:
    """The exchange with its trace told, and ``span`` as the one that asks; the consumer's flags go before ``flags``."""
    call, endpoint, request, deadline, repeatable, begun, waits = exchange
    trace = f"00-{trace_of(call)}-{span}-{call.trace[33:] or flags}"
    headers = (*request.headers, ("traceparent", trace))
    sent = WireRequest(request.verb, request.url, headers, request.body)
    return Exchange(call, endpoint, sent, deadline, repeatable, begun, waits)
