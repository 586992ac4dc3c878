"""One port of a WSDL: the only file that handles zeep's objects.

zeep documents how to call a service through its own transport, not how to use its messages alone.  What is used here
(``binding.all``, ``message.serialize``, ``message.body``, ``element.parse`` and ``render``, ``types.elements``) has no
underscore but no promise either: the codec's tests run against it and the dependency has a floor.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from zeep import helpers
from zeep.exceptions import Error as ZeepError
from zeep.wsdl.bindings import Soap12Binding
from zeep.wsdl.messages import RpcMessage
from zeep.xsd import All, Boolean, Sequence, String
from zeep.xsd import Element as XsdElement

from pi_server.providers.soap.xml import ENVELOPE_11, ENVELOPE_12, Element, empty_elements, local

SoapVersion = Literal["1.1", "1.2"]


_TRUTH = ("", "true", "false", "1", "0")

_untyped: Any = helpers


class _NoTolerance(logging.Filter):
    """Refuse what zeep would only log: it reads a value that is not of its type as absent."""

    def filter(self, record: logging.LogRecord) -> bool:
        raise ValueError("a value is not of the type the WSDL declares")


for _name in ("zeep.xsd.types.simple", "zeep.xsd.elements.attribute"):
    logging.getLogger(_name).addFilter(_NoTolerance())


class Part:
    """One direction of an operation: what its envelope holds."""

    def __init__(self, message: Any, types: Any) -> None:
        self._message = message
        self._types = types
        self._body: Any = message.body if message else None
        self.tag: str = self._body.qname.text if self._body is not None else ""
        self._any_tag = isinstance(message, RpcMessage)  # the name of an RPC reply's wrapper is not laid down
        self._strings = _holding(self._body, String)
        self._booleans = _holding(self._body, Boolean)
        self._is_body = self.tag in (f"{{{ENVELOPE_11}}}Body", f"{{{ENVELOPE_12}}}Body")

    @property
    def place(self) -> "Place":
        """What the model of the whole part is compared with."""
        return Place(self._body.type if self._body is not None else None, local(self.tag))

    def write(self, values: Mapping[str, Any]) -> Element:
        """The whole envelope; ValueError when the values do not fit the WSDL, TypeError for an unknown name."""
        try:
            envelope: Element = self._message.serialize(**values).content
        except (ZeepError, ArithmeticError) as error:
            raise ValueError(str(error)) from error
        return envelope

    def read(self, body: Element) -> dict[str, Any]:
        """The fields in a body; ValueError when it holds something else."""
        if self._body is None:
            return {}
        node = body if self._is_body else self._only_child(body)
        self._correct(node)
        try:
            value: Any = _untyped.serialize_object(self._body.parse(node, self._types), dict)
        except ArithmeticError as error:  # Decimal's own complaint says nothing
            raise ValueError(f"{local(self.tag)}: a value is not a number") from error
        except Exception as error:  # zeep meets hostile data with any error: IndexError, AttributeError, ...
            raise ValueError(f"{local(self.tag)}: {error}") from error
        if value is None:
            return {}
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {local(node.tag): value}

    def _correct(self, node: Element) -> None:
        """See to what zeep reads wrongly: an empty string as an absent one, any odd truth value as false."""
        for element in empty_elements(node):
            if local(element.tag) in self._strings:
                element.text = ""
        for element in node.iter() if self._booleans else ():
            if local(element.tag) in self._booleans and (element.text or "").strip() not in _TRUTH:
                raise ValueError(f"{local(element.tag)} is neither true nor false")

    def _only_child(self, body: Element) -> Element:
        if len(body) != 1 or not (self._any_tag or body[0].tag == self.tag):
            raise ValueError(f"the body must hold {self.tag} alone, not {[child.tag for child in body][:3]}")
        return body[0]


class Place:
    """What the WSDL has to say about one place of an envelope."""

    def __init__(self, xsd_type: Any, alone: str = "") -> None:
        """Look at a type; a value that has no parts is known by the name ``alone``, if that is given."""
        self._type = xsd_type
        self._alone = alone

    @property
    def names(self) -> Mapping[str, "Place"]:
        """The elements and attributes, each with its own: looked at when asked, as types may hold themselves."""
        found = [*getattr(self._type, "elements", ()), *getattr(self._type, "attributes", ())]
        named = {name: Place(getattr(item, "type", None)) for name, item in found if name}
        return named or ({self._alone: Place(None)} if self._alone else {})

    @property
    def demanded(self) -> frozenset[str]:
        """The names of what has to be there, whatever else is."""
        attributes = getattr(self._type, "attributes", ())
        needed = {name for name, item in attributes if name and item.required and item.default is None}
        return frozenset(needed.union(*(_demanded(group) for _, group in getattr(self._type, "elements_nested", ()))))

    @property
    def is_open(self) -> bool:
        """Whether it takes names that the WSDL does not know: xsd:any, or groups that are repeated."""
        return any(not isinstance(item, XsdElement) for _, item in getattr(self._type, "elements", ()))


def _demanded(item: Any) -> Iterator[str]:
    """The names that a group cannot do without: none of a choice, or of a group that may be absent."""
    if item.min_occurs == 0:
        return
    if isinstance(item, Sequence | All):
        for inner in cast("Any", item):
            yield from _demanded(inner)
    elif isinstance(item, XsdElement) and not item.nillable and cast("Any", item).default is None:
        yield item.attr_name


def _holding(element: Any, kind: type[Any]) -> frozenset[str]:
    """Names of all elements in ``element`` that hold values of one kind."""
    return frozenset(_walk(element.type, kind, set())) if element is not None else frozenset()


def _walk(xsd_type: Any, kind: type[Any], seen: set[int]) -> Iterator[str]:
    for _, element in getattr(xsd_type, "elements", []):
        inner = getattr(element, "type", None)
        if isinstance(inner, kind):
            yield element.qname.localname
        elif id(inner) not in seen:  # types may hold themselves
            seen.add(id(inner))
            yield from _walk(inner, kind, seen)


@dataclass(frozen=True, slots=True)
class SoapOperation:
    """One operation of a port; ``faults`` are the names of the details it declares."""

    name: str
    action: str
    request: Part
    reply: Part
    faults: tuple[str, ...]


class SoapBinding:
    """One port of a WSDL, ready to write and read envelopes."""

    def __init__(self, binding: Any, types: Any) -> None:
        is_12 = isinstance(cast("object", binding), Soap12Binding)  # a cast, so that the rest stays Any
        self.version: SoapVersion = "1.2" if is_12 else "1.1"
        self.operations: dict[str, SoapOperation] = {
            name: _operation(name, found, types) for name, found in binding.all().items()
        }
        self._elements: dict[str, Any] = {element.qname.localname: element for element in types.elements}

    @property
    def namespace(self) -> str:
        """The envelope's namespace."""
        return ENVELOPE_12 if self.version == "1.2" else ENVELOPE_11

    def write_element(self, name: str, values: Mapping[str, Any], parent: Element) -> None:
        """Append the global element ``name`` of the schema to ``parent``; ValueError when there is no such element."""
        if name not in self._elements:
            raise ValueError(f"the WSDL declares no element {name!r}")
        element = self._elements[name]
        element.render(parent, element(**values))


def _operation(name: str, found: Any, types: Any) -> SoapOperation:
    details = [part.element for fault in found.abstract.fault_messages.values() for part in fault.parts.values()]
    faults = tuple([detail.qname.localname for detail in details if detail is not None])
    return SoapOperation(name, found.soapaction or "", Part(found.input, types), Part(found.output, types), faults)
