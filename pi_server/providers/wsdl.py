"""Reading a WSDL and the schemas beside it: local files only."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lxml import etree
from zeep.exceptions import Error as ZeepError
from zeep.exceptions import ExternalReferenceForbidden
from zeep.settings import Settings
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import SoapBinding as ZeepSoapBinding

from pi_server.providers.soap.binding import SoapBinding

_document: Any = Document  # zeep is typed in part only


class _LocalFiles:
    """What zeep asks for documents: reads files of one directory, and nothing else."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def load(self, url: str) -> bytes:
        """The bytes of a document; ValueError when it lies elsewhere or cannot be read."""
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme not in ("", "file") or parts.netloc or not path.is_relative_to(self._root):
            raise ValueError(f"it imports {url}, which is not a file in {self._root}")
        try:
            return path.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from error


def load_wsdl(path: Path, *, service: str = "", port: str = "") -> SoapBinding:
    """Read the WSDL at ``path`` and choose a SOAP port; blocks for tens of milliseconds, so call it in a thread.

    Imports and includes must lie in the WSDL's own directory or below.

    Raises:
        ValueError: a file is missing, lies elsewhere or is no WSDL, or the port is not to be found or not unique.
    """
    path = path.resolve()
    if not path.is_file():
        raise ValueError(f"wsdl: there is no file {path}")
    try:
        document = _document(path.as_uri(), _LocalFiles(path.parent), settings=_settings())
    except ExternalReferenceForbidden as error:
        raise ValueError(f"wsdl: {path.name} imports {error.url}; put a copy beside it and import that") from error
    except (ZeepError, etree.LxmlError, ValueError, LookupError, AttributeError, NotImplementedError) as error:
        raise ValueError(f"wsdl: {path.name} cannot be read: {error}") from error
    chosen = _port(_service(document, path.name, service), path.name, port)
    return SoapBinding(chosen.binding, document.types)


def _settings() -> Any:
    create: Any = Settings
    return create(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True, xml_huge_tree=False)


def _service(document: Any, file: str, wanted: str) -> Any:
    return _one(
        {name: found for name, found in document.services.items() if _soap_ports(found)}, file, "service", wanted
    )


def _port(service: Any, file: str, wanted: str) -> Any:
    return _one(_soap_ports(service), file, "port", wanted)


def _soap_ports(service: Any) -> dict[str, Any]:
    return {name: port for name, port in service.ports.items() if isinstance(port.binding, ZeepSoapBinding)}


def _one(found: dict[str, Any], file: str, noun: str, wanted: str) -> Any:
    """The wanted one, or the only one."""
    if wanted in found:
        return found[wanted]
    names = ", ".join(found)
    if wanted:
        raise ValueError(f"{noun}: {file} has no SOAP {noun} {wanted!r}; it has: {names or 'none'}")
    if len(found) != 1:
        raise ValueError(f"{noun}: {file} has {len(found)} SOAP {noun}s; choose one of: {names or 'none'}")
    return next(iter(found.values()))
