r"""Both legs of every exchange, on record: one line before the send, exactly one after it, whatever happens.

The form is a contract (``docs/api-log.md``): names, order and spaces of a line never change, and a line is one line.
"""

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache
from logging import getLogger
from typing import Literal, Protocol

from pi_server.audit.mask import Mask
from pi_server.audit.mask_text import MASK
from pi_server.audit.one_line import escaped, one_line, quoted
from pi_server.audit.open_exchanges import OpenExchanges
from pi_server.audit.payload import payload_text, truncation
from pi_server.audit.permit import Permit
from pi_server.audit.stamp import Clock, Stamp, api_form
from pi_server.domain.exchange import Exchange, Send, as_fault
from pi_server.domain.faults import InternalFault, ProviderFault
from pi_server.domain.message import Headers, WireResponse
from pi_server.domain.turn import Refuse

Level = Literal["off", "basic", "standard", "full"]
StatusOf = Callable[[ProviderFault], int]
Link = Callable[[Send], Send]
Alike = tuple[str, str, str]
"""The fields that are the same in both records of an exchange: which call, which operation, and which endpoint."""

_AUTOMATIC = frozenset({"host", "user-agent", "content-length"})  # of every request: the carrier's, not ours to tell

_UNKNOWN = ProviderFault("timeout", "the worker ended before the answer")

_errors = getLogger("pi_server.provider")


class Records(Protocol):
    """Where the lines go, as a `Recorder` takes them."""

    def __call__(self, line: bytes, refuse: Refuse | None = None, /) -> None:
        """Write ``line`` through; call ``refuse`` if that is impossible, and without it keep the line."""
        ...


class ApiLog:
    """Writes the records of all exchanges.

    Levels: ``off`` writes none, ``basic`` leaves headers and payloads empty, ``standard`` payloads, ``full`` neither.
    """

    def __init__(
        self,
        write: Records,
        mask: Mask | None = None,
        *,
        timezone: str = "local",
        status_code_as_string: bool = False,
        clock: Clock = time.time,
        open_exchanges: OpenExchanges | None = None,
    ) -> None:
        """Hand whole lines to ``write``, which must not raise."""
        self._write = write
        self._open = open_exchanges
        self._mask = mask or Mask()
        self._stamp = Stamp(api_form, timezone, clock)
        self._status = '"%d"' if status_code_as_string else "%d"

    def link(self, level: Level, status_of: StatusOf, secret_headers: frozenset[str] = frozenset()) -> Link:
        """The innermost link of a provider's chain; ``status_of`` tells what the consumer gets for a provider fault.

        The values of request headers named in ``secret_headers`` (in lower case) are masked whatever they are called.
        A failed exchange also leaves its reason in the error log, at every level.  One whose request record cannot be
        written is `Refused`, and leaves no record at all.
        """
        unknown = status_of(_UNKNOWN)

        def link(send: Send) -> Send:
            loop = asyncio.get_running_loop()

            async def recorded(exchange: Exchange) -> WireResponse:
                alike = self._alike(exchange)
                number = self._begin(alike, unknown)
                shown = _without_payloads(level) if exchange.endpoint.discreet else level
                permit = Permit(loop)
                self._sent(shown, exchange, alike, secret_headers, permit.refuse)
                try:
                    with permit:
                        response = await send(exchange)
                except BaseException as error:
                    if permit.refused:
                        raise
                    fault = as_fault(error, exchange)
                    self._received(shown, alike, WireResponse(_status(fault, status_of)))
                    self._tell(exchange, fault)
                    raise
                else:
                    self._received(shown, alike, response)
                    return response
                finally:
                    if self._open is not None:
                        self._open.end(number)

            return self._unrecorded(send) if level == "off" else recorded

        return link

    def _unrecorded(self, send: Send) -> Send:
        async def told(exchange: Exchange) -> WireResponse:
            try:
                return await send(exchange)
            except BaseException as error:
                self._tell(exchange, as_fault(error, exchange))
                raise

        return told

    def _sent(self, level: Level, exchange: Exchange, alike: Alike, secret: frozenset[str], refuse: Refuse) -> None:
        request, (ids, operation, endpoint) = exchange.request, alike
        headers = tuple(
            [(n, MASK if n.lower() in secret else v) for n, v in request.headers if n.lower() not in _AUTOMATIC]
        )
        shown, payload = self._content(level, headers, request.body)
        self._record(
            f'"headers": [{shown}], "sourceIP": {quoted(exchange.call.source)}, "payload": {payload}, '
            f'{ids}, {operation}, "flow": "REQUEST_OUT_PI", {endpoint}',
            refuse,
        )

    def _begin(self, alike: Alike, unknown: int) -> int:
        """Leave word of how to close the exchange, should this process not live to do it."""
        if self._open is None:
            return 0
        return self._open.begin(escaped(self._closing("", '""', unknown, alike)))

    def close_abandoned(self, closing: str) -> None:
        """Write a closing record in the place of a worker that is gone; nobody knows how its exchange ended."""
        self._record(closing)
        _errors.error("the worker ended before the answer, so the outcome is unknown: %s", one_line(closing))

    def _received(self, level: Level, alike: Alike, response: WireResponse) -> None:
        headers, payload = self._content(level, response.headers, response.body)
        self._record(self._closing(headers, payload, response.status, alike))

    def _closing(self, headers: str, payload: str, status: int, alike: Alike) -> str:
        ids, operation, endpoint = alike
        return (
            f'"headers": [{headers}], "payload": {payload}, {ids}, "statusCode": {self._status % status}, '
            f'{operation}, "flow": "RESPONSE_IN_PI", {endpoint}'
        )

    def _record(self, fields: str, refuse: Refuse | None = None) -> None:
        self._write(escaped(f"[{self._stamp()}] INFO {{API_LOG}} {{{fields}}}\n").encode(), refuse)

    def _alike(self, exchange: Exchange) -> Alike:
        call, endpoint = exchange.call, exchange.endpoint
        api_to, api_name = (call.operation.api_to, call.operation.api_name) if call.operation else ("", "")
        url = quoted(self._mask.query(exchange.request.url))
        return (
            f'"verb": {quoted(exchange.request.verb)}, "correlationId": {quoted(call.correlation_id)}',
            f'"apiTo": {quoted(api_to)}',
            f'"endpoint": {url}, {_names(endpoint.name, endpoint.company, api_name)}',
        )

    def _content(self, level: Level, headers: Headers, body: bytes) -> tuple[str, str]:
        """Headers and payload as far as ``level`` shows them, masked, as JSON."""
        if level == "basic":
            return "", '""'
        content_type = _content_type(headers)
        text = payload_text(body, content_type) if level == "full" and body else ""
        lines, payload = self._mask.message(headers, text, content_type)
        return ", ".join([quoted(line) for line in lines]), quoted(payload + truncation(body) if payload else "")

    def _tell(self, exchange: Exchange, error: BaseException) -> None:
        """The reason, which no record of the exchange has room for."""
        cancelled = isinstance(error, ProviderFault) and error.kind == "cancelled"
        tell = _errors.info if cancelled else _errors.error  # a vanished consumer is nobody's error
        reason = str(error) if isinstance(error, ProviderFault) else type(error).__name__
        tell("%s: %s", one_line(exchange.endpoint.name), one_line(self._mask.payload(reason)))


@lru_cache(maxsize=1024)
def _names(name: str, company: str, api_name: str) -> str:
    """The end of every record of one endpoint and service."""
    return f'"endpointName": {quoted(name)}, "endpointCompany": {quoted(company)}, "apiName": {quoted(api_name)}'


def _without_payloads(level: Level) -> Level:
    return "standard" if level == "full" else level


def _content_type(headers: Headers) -> str:
    for name, value in headers:
        if name.lower() == "content-type":
            return value
    return ""


def _status(error: BaseException, status_of: StatusOf) -> int:
    return status_of(error) if isinstance(error, ProviderFault) else InternalFault.status
