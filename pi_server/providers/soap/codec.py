"""The codec of SOAP providers, and the same codec backwards for stand-ins."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TypeVar, cast

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import Headers, Message, WireRequest, WireResponse
from pi_server.providers.replies import invalid, typed
from pi_server.providers.soap.binding import SoapBinding, SoapOperation
from pi_server.providers.soap.comparison import compare_reply, compare_request, hint, wire_names
from pi_server.providers.soap.faults import FAULT_TAGS, read_fault, write_fault
from pi_server.providers.soap.inside import XmlInside
from pi_server.providers.soap.xml import ENVELOPE_11, ENVELOPE_12, Element, parse_xml, write_xml
from pi_server.providers.text import printable

R = TypeVar("R", bound=BaseModel)


class SoapCodec:
    """Messages to envelopes of one port of a WSDL, and back."""

    def __init__(self, binding: SoapBinding, endpoint: str) -> None:
        """Requests go to ``endpoint``: the address in a WSDL decides nothing."""
        self._binding = binding
        self._endpoint = endpoint
        in_order = reversed(binding.operations.values())  # the first of two operations asked alike counts
        self._by_request = {operation.request.tag: operation for operation in in_order}
        self._headers = {name: _headers(binding, found) for name, found in binding.operations.items()}

    @property
    def content_type(self) -> str:
        """What envelopes of this port are served as."""
        return "application/soap+xml; charset=utf-8" if self._binding.version == "1.2" else "text/xml; charset=utf-8"

    def check(self, message: type[Message[Any]]) -> None:
        """Compare a message with the WSDL before the first call; ValueError says what is misspelt."""
        shape = message.__shape__
        operation = self._operation(shape.operation)
        compare_request(message, operation.request.place, f"{message.__name__}: {shape.operation}")
        place = operation.reply.place
        if len(place.names) == 1 and not wire_names(shape.reply) & place.names.keys():
            [wrapper] = place.names.values()
            place = wrapper if wrapper.names else place
        compare_reply(shape.reply, place, f"{shape.reply.__name__}: the reply of {shape.operation}")

    def _operation(self, name: str) -> SoapOperation:
        operations = self._binding.operations
        if name not in operations:
            raise ValueError(f"the WSDL has no operation {name!r}{hint(name, operations)}")
        return operations[name]

    def encode(self, message: Message[R], /) -> WireRequest:
        """The request that asks ``message``; ValueError when a value cannot be written as the WSDL wants it."""
        name = type(message).__shape__.operation
        values = {key: _bare(value) for key, value in message.model_dump(by_alias=True).items()}
        envelope = self._binding.operations[name].request.write(values)
        return WireRequest("POST", self._endpoint, self._headers[name], write_xml(envelope))

    def decode(self, message: Message[R], response: WireResponse, /) -> R:
        """The typed reply; `ProviderFault` (fault, status, malformed) when it refused or answered nonsense."""
        shape = type(message).__shape__
        body = self._body(response)
        if body is not None and len(body) > 0 and body[0].tag in FAULT_TAGS:
            raise read_fault(body[0], shape.faults or {}, response.status)
        if not 200 <= response.status < 300:
            raise ProviderFault("status", f"HTTP {response.status}", status=response.status)
        try:
            return typed(message, self._reply(shape.operation, shape.reply, body))
        except ValidationError as error:
            raise invalid(error, response.status) from error
        except ValueError as error:
            raise ProviderFault("malformed", printable(str(error)), status=response.status) from error

    def inside(self, response: WireResponse, /) -> XmlInside:
        """The body as rules look into it."""
        return XmlInside(response)

    def declared_faults(self, message: type[Message[Any]]) -> tuple[str, ...]:
        """The names of the details of the Faults that the WSDL declares for what ``message`` asks."""
        return self._operation(message.__shape__.operation).faults

    def _body(self, response: WireResponse) -> Element | None:
        """The envelope's body; None for an empty answer, and for an error whose body is not SOAP."""
        if not response.body.strip():
            return None
        try:
            _expect_xml(response)
            return self._find_body(parse_xml(response.body), any_version=True)
        except ValueError as error:
            if response.status >= 300:
                return None
            raise ProviderFault("malformed", printable(str(error)), status=response.status) from error

    def _find_body(self, root: Element, *, any_version: bool = False) -> Element:
        """The one body; a Fault may come in the other version, from a provider that knows only that."""
        for space in (ENVELOPE_11, ENVELOPE_12) if any_version else (self._binding.namespace,):
            if root.tag == f"{{{space}}}Envelope" and len(found := root.findall(f"{{{space}}}Body")) == 1:
                return found[0]
        raise ValueError(f"a SOAP {self._binding.version} envelope with one body was expected, not {root.tag}")

    def _reply(self, operation: str, model: type[BaseModel], body: Element | None) -> dict[str, Any]:
        part = self._binding.operations[operation].reply
        if body is None:
            if part.tag:
                raise ValueError("the answer is empty")
            return {}
        if body.tag != f"{{{self._binding.namespace}}}Body":
            raise ValueError(f"a SOAP {self._binding.version} envelope was expected, not one of the other version")
        return _unwrapped(part.read(body), model)

    def decode_request(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """The operation asked for and its fields; ValueError when ``data`` is no request of this port."""
        body = self._find_body(parse_xml(data))
        tag = body[0].tag if len(body) else ""
        if tag not in self._by_request:
            raise ValueError(f"no operation of this port is asked with {tag or 'an empty body'}")
        operation = self._by_request[tag]
        return operation.name, operation.request.read(body)

    def encode_reply(self, operation: str, values: Mapping[str, Any]) -> bytes:
        """The envelope that answers ``operation``; ValueError when the values do not fit the WSDL."""
        part = self._operation(operation).reply
        return write_xml(part.write({key: _bare(value) for key, value in values.items()}))

    def encode_fault(self, code: str, text: str, detail: tuple[str, Mapping[str, Any]] | None = None) -> bytes:
        """The envelope of a Fault: ``code`` is ``Client`` or ``Server``, ``detail`` an element and its fields."""
        return write_xml(write_fault(self._binding, code, text, detail))


def _headers(binding: SoapBinding, operation: SoapOperation) -> Headers:
    if binding.version == "1.1":
        return ("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", f'"{operation.action}"')
    action = f'; action="{operation.action}"' if operation.action else ""
    return (("Content-Type", f"application/soap+xml; charset=utf-8{action}"),)


def _expect_xml(response: WireResponse) -> None:
    media = response.header("Content-Type").partition(";")[0].strip().lower()
    if media not in ("", "text/xml", "application/xml") and not media.endswith("+xml"):
        raise ValueError(f"XML was expected, not {media[:80]!r}")


def _bare(value: Any) -> Any:
    """A value as zeep writes it: secrets are opened here and nowhere else, and enumerations give their value."""
    if isinstance(value, SecretStr | SecretBytes):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return _bare(value.value)
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_bare(item) for item in cast("Iterable[Any]", value)]
    return value


def _unwrapped(values: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The fields inside a lone wrapper (``...Result``) that the reply's model does not speak of."""
    if len(values) == 1:
        name, inner = next(iter(values.items()))
        if isinstance(inner, dict) and name not in wire_names(model):
            return cast("dict[str, Any]", inner)
    return values
