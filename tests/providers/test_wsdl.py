"""Reading WSDLs: local files only, and one port."""

from pathlib import Path

import pytest

from pi_server.providers.wsdl import load_wsdl
from tests.providers.bank import WSDL, soap_codec, wsdl_11

TEXT = WSDL.read_text()
START, END = TEXT.index("<xsd:schema"), TEXT.index("</types>")
SCHEMA = TEXT[START:END].strip()
IMPORT = '<xsd:schema><xsd:import namespace="urn:example:bank" schemaLocation="{}"/></xsd:schema>'


def _with_import(directory: Path, location: str) -> Path:
    path = directory / "bank.wsdl"
    path.write_text(TEXT[:START] + IMPORT.format(location) + TEXT[END:])
    return path


def _write_schema(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(SCHEMA.replace("<xsd:schema", '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema"'))


def test_a_schema_beside_the_wsdl_is_read(tmp_path: Path) -> None:
    """Imports below the WSDL's directory work."""
    _write_schema(tmp_path / "xsd" / "bank.xsd")
    assert "accountWithdrawal" in load_wsdl(_with_import(tmp_path, "xsd/bank.xsd")).operations


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/bank.xsd",
        "https://bank.example/bank.xsd",
        "ftp://bank.example/bank.xsd",
        "../bank.xsd",
        "xsd/../../bank.xsd",
        "%2e%2e/bank.xsd",
        "/etc/passwd",
        "file:///etc/passwd",
        "file://elsewhere/bank.xsd",
        "link.xsd",
    ],
)
def test_an_import_from_elsewhere_is_refused_by_name(tmp_path: Path, location: str) -> None:
    """Neither the network nor a file outside the directory is read, and the error says which was wanted."""
    _write_schema(tmp_path / "bank.xsd")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.xsd").symlink_to(tmp_path / "bank.xsd")
    with pytest.raises(ValueError, match=r"wsdl: bank\.wsdl .*(bank\.xsd|passwd|link\.xsd)"):
        load_wsdl(_with_import(inner, location))


@pytest.mark.parametrize("text", ["", "<a/>", "<html>", "{}", f"<!DOCTYPE definitions>{TEXT.partition('?>')[2]}"])
def test_what_is_no_wsdl_is_refused(tmp_path: Path, text: str) -> None:
    """Nonsense and documents with a DTD are errors that name the file."""
    (tmp_path / "bank.wsdl").write_text(text)
    with pytest.raises(ValueError, match=r"bank\.wsdl"):
        load_wsdl(tmp_path / "bank.wsdl")


@pytest.mark.parametrize("cut", ['message="bank:accountWithdrawal"', 'type="bank:Bank"', "<xsd:sequence>"])
def test_a_damaged_wsdl_is_refused(tmp_path: Path, cut: str) -> None:
    """A WSDL that lacks a part is an error that names the file."""
    (tmp_path / "bank.wsdl").write_text(TEXT.replace(cut, "", 1))
    with pytest.raises(ValueError, match=r"bank\.wsdl"):
        load_wsdl(tmp_path / "bank.wsdl")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error holds the whole path."""
    with pytest.raises(ValueError, match=f"there is no file {tmp_path}/none.wsdl"):
        load_wsdl(tmp_path / "none.wsdl")


def test_of_several_ports_one_must_be_chosen(tmp_path: Path) -> None:
    """A second port makes the choice necessary; the error lists them; the choice decides the version."""
    start, end = TEXT.index("<binding"), TEXT.index("<service")
    port = TEXT[TEXT.index("<port ") : TEXT.index("</service>")]
    old = TEXT[start:end].replace('"Bank"', '"Old"', 1).replace("soap:", "soap11:")
    text = TEXT[:end] + old + TEXT[end:].replace(port, port + port.replace('name="Bank"', 'name="Old"'))
    text = text.replace("xmlns:soap=", 'xmlns:soap11="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:soap=')
    text = text.replace('name="Old" binding="bank:Bank"', 'name="Old" binding="bank:Old"')
    before, address, after = text.rpartition("<soap:address")
    (tmp_path / "bank.wsdl").write_text(before + address.replace("soap:", "soap11:") + after)
    with pytest.raises(ValueError, match="2 SOAP ports; choose one of: Bank, Old"):
        load_wsdl(tmp_path / "bank.wsdl")
    assert load_wsdl(tmp_path / "bank.wsdl", port="Old").version == "1.1"
    assert load_wsdl(tmp_path / "bank.wsdl", port="Bank", service="Bank").version == "1.2"
    with pytest.raises(ValueError, match="has no SOAP service 'Bnak'; it has: Bank"):
        load_wsdl(tmp_path / "bank.wsdl", service="Bnak")


def test_the_binding_decides_the_version(tmp_path: Path) -> None:
    """The same WSDL with the other binding speaks the other version."""
    assert soap_codec().content_type.startswith("application/soap+xml")
    assert soap_codec(wsdl_11(tmp_path)).content_type.startswith("text/xml")
