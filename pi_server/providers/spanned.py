"""The outbound link that makes a span of each try; it stands in the place of `traced` where spans are sent."""

from collections.abc import Callable
from time import time_ns
from urllib.parse import urlsplit

from pi_server.domain.exchange import Exchange, Send, as_fault
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.domain.span import Record, Serving, Span, current_span, new_span_id, trace_of
from pi_server.providers.traced import passed_on

_PORTS = {"http": 80, "https": 443}


def spanned(record: Record, provider: str, *, pass_on: bool) -> Callable[[Send], Send]:
    """Tell ``record`` of the tries at ``provider`` (``service.field``) that belong to a call whose span is kept.

    Where traces are passed on, the span id that the provider is sent is that of its span.
    """

    def link(send: Send) -> Send:
        async def told(exchange: Exchange) -> WireResponse:
            serving, span = current_span.get(), new_span_id()
            sampled = serving is not None and serving.sampled
            if pass_on:
                exchange = passed_on(exchange, span, "01" if sampled else "00")
            if serving is None or not sampled:
                return await send(exchange)
            begun, status, error = time_ns(), 0, ""
            try:
                response = await send(exchange)
                status = response.status
                return response
            except BaseException as failure:
                status, error = _told(failure, exchange)
                raise
            finally:
                record(_span(exchange, serving, span, begun, _ended(provider, status, error)))

        return told

    return link


def _told(failure: BaseException, exchange: Exchange) -> tuple[int, str]:
    fault = as_fault(failure, exchange)
    return (fault.status or 0, fault.kind) if isinstance(fault, ProviderFault) else (0, type(fault).__name__)


def _ended(provider: str, status: int, error: str) -> dict[str, str | int]:
    """How it ended; a status of 400 and above is an error of whoever asked, too."""
    attributes: dict[str, str | int] = {"pi_server.provider": provider}
    if status:
        attributes["http.response.status_code"] = status
    if error or status >= 400:
        attributes["error.type"] = error or str(status)
    return attributes


def _span(exchange: Exchange, serving: Serving, span: str, begun: int, ended: dict[str, str | int]) -> Span:
    call, request = exchange.call, exchange.request
    url = urlsplit(request.url)
    attributes = {
        "http.request.method": request.verb,
        "server.address": url.hostname or "",
        "server.port": url.port or _PORTS.get(url.scheme, 0),
        "pi_server.correlation_id": call.correlation_id,
        **ended,
    }
    name = f"{request.verb} {ended['pi_server.provider']}"
    return Span("client", name, trace_of(call), span, serving.id, begun, "error.type" in ended, attributes)
