"""The outbound link that passes the trace of a call on, as W3C's ``traceparent``."""

from hashlib import sha256
from random import getrandbits

from pi_server.domain.call import Call
from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse

_HEX = frozenset("0123456789abcdef")
_NONE = "0" * 32


def traced(send: Send) -> Send:
    """Send the trace of the consumer along, or one that begins here; each try is a span of its own."""

    async def told(exchange: Exchange) -> WireResponse:
        request, call = exchange.request, exchange.call
        trace = f"00-{_trace(call)}-{getrandbits(64) or 1:016x}-{call.trace[33:] or '01'}"
        headers = (*request.headers, ("traceparent", trace))
        return await send(exchange._replace(request=request._replace(headers=headers)))

    return told


def _trace(call: Call) -> str:
    """That of the consumer; else the correlation id where it can be one, or what follows from it."""
    if call.trace:
        return call.trace[:32]
    id_ = call.correlation_id
    if len(id_) == 32 and id_ != _NONE and _HEX.issuperset(id_):
        return id_
    return sha256(id_.encode()).hexdigest()[:32]
