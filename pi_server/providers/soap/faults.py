"""SOAP Faults of both versions, read and written."""

from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree
from pydantic import BaseModel, ValidationError

from pi_server.domain.faults import ProviderFault
from pi_server.providers.soap.binding import SoapBinding
from pi_server.providers.soap.xml import ENVELOPE_11, ENVELOPE_12, Element, local, plain
from pi_server.providers.text import printable

FAULT_TAGS = (f"{{{ENVELOPE_11}}}Fault", f"{{{ENVELOPE_12}}}Fault")

_CODES_12 = {"Client": "Sender", "Server": "Receiver"}


def read_fault(fault: Element, declared: Mapping[str, type[BaseModel]], status: int) -> ProviderFault:
    """What a Fault element says: its codes and the names of its details, and the first declared detail typed."""
    details = _details(fault)
    names = dict.fromkeys([*_codes(fault), *(local(detail.tag) for detail in details)])
    typed = (_typed(detail, declared) for detail in details)
    return ProviderFault(
        "fault",
        printable(_text(fault)),
        status=status,
        names=tuple(names),
        declared=next((model for model in typed if model), None),
    )


def _codes(fault: Element) -> Iterator[str]:
    """Codes and subcodes from general to specific, each without its prefix; 1.1 puts dots between them."""
    for value in (fault.find("{*}faultcode"), *fault.findall("{*}Code//{*}Value")):
        if value is not None and (code := local((value.text or "").strip())):
            yield printable(code, 100)
            if "." in code:
                yield from (printable(part, 100) for part in code.split(".") if part)


def _text(fault: Element) -> str:
    found = fault.find("{*}faultstring")
    found = fault.find("{*}Reason/{*}Text") if found is None else found
    return (found.text or "" if found is not None else "").strip()


def _details(fault: Element) -> list[Element]:
    found = fault.find("{*}detail")
    found = fault.find("{*}Detail") if found is None else found
    return list(found) if found is not None else []


def _typed(detail: Element, declared: Mapping[str, type[BaseModel]]) -> BaseModel | None:
    """The model of a declared detail; a detail that does not fit it is as good as undeclared."""
    model = declared.get(local(detail.tag))
    if model is None:
        return None
    try:
        return model.model_validate(plain(detail) or {})
    except ValidationError:
        return None


def write_fault(binding: SoapBinding, code: str, text: str, detail: tuple[str, Mapping[str, Any]] | None) -> Element:
    """An envelope with a Fault; ``code`` is ``Client`` or ``Server``, ``detail`` an element of the WSDL."""
    space = binding.namespace
    envelope = etree.Element(f"{{{space}}}Envelope", nsmap={"soap-env": space})
    body = etree.SubElement(envelope, f"{{{space}}}Body")
    fault = etree.SubElement(body, f"{{{space}}}Fault")
    if binding.version == "1.2":
        value = etree.SubElement(etree.SubElement(fault, f"{{{space}}}Code"), f"{{{space}}}Value")
        value.text = f"soap-env:{_CODES_12.get(code, code)}"
        reason = etree.SubElement(etree.SubElement(fault, f"{{{space}}}Reason"), f"{{{space}}}Text")
        reason.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
        reason.text = text
    else:
        etree.SubElement(fault, "faultcode").text = f"soap-env:{code}"
        etree.SubElement(fault, "faultstring").text = text
    if detail:
        holder = etree.SubElement(fault, f"{{{space}}}Detail" if binding.version == "1.2" else "detail")
        binding.write_element(*detail, holder)
    return envelope
