"""A named foreign endpoint: codec, outbound chain and status map put together."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from pi_server.domain.call import CORRELATION_HEADER, Call
from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import Fault, ProviderFault, Refused
from pi_server.domain.message import Headers, Message, WireRequest, WireResponse
from pi_server.domain.ports import Codec
from pi_server.domain.standing import Standing
from pi_server.domain.status_map import StatusMap

R = TypeVar("R", bound=BaseModel)

OFF_LOOP = 64 * 1024

_log = logging.getLogger("pi_server.provider")


async def _nothing() -> None:
    return None


class Provider:
    """What a service's field of type `SoapProvider` or `RestProvider` holds."""

    def __init__(
        self,
        name: str,
        codec: Codec,
        send: Send,
        standing: Standing,
        status_map: StatusMap,
        *,
        headers: Mapping[str, str] | None = None,
        close: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        """Keep the parts; ``name`` is the field's name, by which rules of the status map know the provider."""
        self.standing = standing
        self._name = name
        self._codec = codec
        self._send = send
        self._endpoint = standing.endpoint
        self._status_map = status_map
        self._looks_inside = status_map.looks_inside(name)
        self._headers: Headers = tuple((headers or {}).items())
        self._close = close

    async def send(self, call: Call, message: Message[R], /) -> R:
        """Ask, and return the typed reply.

        Raises:
            Fault: the message cannot be put on the wire, or what the status map says of the provider's failure.
        """
        repeatable = type(message).__shape__.repeatable
        exchange = Exchange(call, self._endpoint, self._encode(call, message), call.deadline, repeatable)
        try:
            response = await self._send(exchange)
            if len(response.body) <= OFF_LOOP:
                return self._decode(call, message, response)
            return await asyncio.to_thread(self._decode, call, message, response)
        except ProviderFault as fault:
            if isinstance(fault, Refused) and fault.kind != "unrecorded":  # nothing was sent: no other line tells of it
                _log.warning("%s: %s", self._endpoint.name, fault)
            told = self._status_map.translate(self._name, fault, call.languages, call.correlation_id)
            raise told from fault

    def _encode(self, call: Call, message: Message[R]) -> WireRequest:
        try:
            request = self._codec.encode(message)
        except ValueError as error:  # what the consumer gave fits the message, but not the wire
            raise Fault("message_rejected", 422, "The input holds what cannot be sent to the provider.") from error
        own = ((CORRELATION_HEADER, call.correlation_id), *self._headers)
        return WireRequest(request.verb, request.url, request.headers + own, request.body)

    def _decode(self, call: Call, message: Message[R], response: WireResponse) -> R:
        try:
            reply = self._codec.decode(message, response)
        except ProviderFault as fault:
            if self._looks_inside:
                fault.inside = self._codec.inside(response)
                if fault.kind == "malformed":  # a refusal seldom has the form of a good answer
                    self._refuse(response)
            if fault.kind == "malformed" and not self._is_refusal(fault):  # the API log has closed it as answered
                _log.error("%s: %s", self._endpoint.name, fault)
                self.standing.fail("malformed", call.correlation_id)
            raise
        if self._looks_inside:
            self._refuse(response)
        return reply

    def _refuse(self, response: WireResponse) -> None:
        """Raise what a rule finds inside an answer that came as a good one."""
        fault = ProviderFault("business", "a refusal inside a good answer", status=response.status)
        fault.inside = self._codec.inside(response)
        if self._is_refusal(fault):
            raise fault

    def _is_refusal(self, fault: ProviderFault) -> bool:
        """Whether a rule knows the answer by what stands at a place of its body."""
        rule = self._status_map.rule(self._name, fault)
        return rule is not None and rule.when.at is not None

    async def close(self) -> None:
        """Close the connections."""
        await self._close()
