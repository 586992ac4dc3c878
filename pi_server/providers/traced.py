"""The outbound link that passes the trace of a call on, as W3C's ``traceparent``."""

import re
from collections.abc import Awaitable
from hashlib import sha256
from random import getrandbits

from pi_server.domain.call import Call
from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireRequest, WireResponse

_is_trace = re.compile("(?!0{32})[0-9a-f]{32}").fullmatch


def traced(send: Send) -> Send:
    """Send the trace of the consumer along, or one that begins here; each try is a span of its own."""

    def told(exchange: Exchange) -> Awaitable[WireResponse]:
        call, endpoint, request, deadline, repeatable, begun, waits = exchange
        trace = f"00-{_trace(call)}-{getrandbits(64) or 1:016x}-{call.trace[33:] or '01'}"
        headers = (*request.headers, ("traceparent", trace))
        sent = WireRequest(request.verb, request.url, headers, request.body)
        return send(Exchange(call, endpoint, sent, deadline, repeatable, begun, waits))

    return told


def _trace(call: Call) -> str:
    """That of the consumer; else the correlation id where it can be one, or what follows from it."""
    if call.trace:
        return call.trace[:32]
    id_ = call.correlation_id
    return id_ if _is_trace(id_) else sha256(id_.encode()).hexdigest()[:32]
