"""The one entry for foreign XML, and the words of SOAP's own."""

from typing import Any, TypeAlias

from lxml import etree

Element: TypeAlias = etree._Element  # pyright: ignore[reportPrivateUsage] - lxml's type has no other name

MAX_DEPTH = 64
MAX_NODES = 200_000

ENVELOPE_11 = "http://schemas.xmlsoap.org/soap/envelope/"
ENVELOPE_12 = "http://www.w3.org/2003/05/soap-envelope"

_too_deep: Any = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_empty: Any = etree.XPath(
    "descendant-or-self::*[not(node()) and not(@i:nil)]",
    namespaces={"i": "http://www.w3.org/2001/XMLSchema-instance"},
)
_nodes: Any = etree.XPath("count(//node()) + count(//@*)")


def parse_xml(data: bytes) -> Element:
    """The root of a document; comments and processing instructions are dropped.

    Raises:
        ValueError: not well-formed, with a DTD, deeper than `MAX_DEPTH`, or of more than `MAX_NODES` nodes.
    """
    if b"<!DOCTYPE" in data:  # before libxml2 reads a declaration; other encodings are caught below
        raise ValueError("a document type declaration is not allowed")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not well-formed: {error.msg}") from error
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        raise ValueError("a document type declaration is not allowed")
    if _too_deep(root):
        raise ValueError(f"more than {MAX_DEPTH} levels")
    if _nodes(root) > MAX_NODES:
        raise ValueError(f"more than {MAX_NODES} nodes")
    return root


def write_xml(root: Element) -> bytes:
    """The bytes of a document, in UTF-8."""
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def empty_elements(root: Element) -> list[Element]:
    """Elements that hold nothing at all and do not say that they are nil."""
    found: list[Element] = _empty(root)
    return found


def local(name: str) -> str:
    """A name without its namespace or prefix."""
    return name.rpartition("}")[2].rpartition(":")[2]


def plain(element: Element) -> Any:
    """An element's text, or else its children by local name; a name that is repeated has a list."""
    if len(element) == 0:
        return element.text or ""
    found: dict[str, list[Any]] = {}
    for child in element:
        found.setdefault(local(child.tag), []).append(plain(child))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
