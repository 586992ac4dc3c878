"""The codec of SOAP providers, forwards and backwards, without any I/O."""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from pi_server import SoapMessage
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.providers.soap.codec import SoapCodec
from tests.providers.bank import WSDL, Insufficient, Result, Withdraw, soap_codec, wsdl_11

CODEC = soap_codec()
ASK = Withdraw(AccountNo="1001", Amount=Decimal("10.00"))
REPLY = CODEC.encode_reply("accountWithdrawal", {"TraceNo": "T1", "Balance": Decimal("90.00")})
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

xml_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
money = st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**30), max_value=10**30)


@pytest.fixture(params=["1.1", "1.2"])
def codec(request: pytest.FixtureRequest, tmp_path: Path) -> SoapCodec:
    """A codec of each version."""
    return soap_codec(WSDL if request.param == "1.2" else wsdl_11(tmp_path))


def _answer(codec: SoapCodec, body: bytes, status: int = 200) -> WireResponse:
    return WireResponse(status, (("Content-Type", codec.content_type),), body)


def _failure(codec: SoapCodec, response: WireResponse) -> ProviderFault:
    with pytest.raises(ProviderFault) as caught:
        codec.decode(ASK, response)
    return caught.value


def test_each_version_has_its_headers(codec: SoapCodec) -> None:
    """1.1 names the action in a header of its own, 1.2 in the content type."""
    request = codec.encode(ASK)
    assert (request.verb, request.url) == ("POST", "http://bank.invalid/ws")
    action = "urn:example:bank/accountWithdrawal"
    expected = {
        "1.1": (("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", f'"{action}"')),
        "1.2": (("Content-Type", f'application/soap+xml; charset=utf-8; action="{action}"'),),
    }
    assert request.headers == expected["1.1" if "text/xml" in codec.content_type else "1.2"]


def test_requests_come_back_as_they_were(codec: SoapCodec) -> None:
    """A stand-in reads what the codec wrote."""
    request = codec.encode(ASK)
    assert codec.decode_request(request.body) == ("accountWithdrawal", ASK.model_dump())


def test_replies_come_back_as_they_were(codec: SoapCodec) -> None:
    """The codec reads what a stand-in wrote."""
    body = codec.encode_reply("accountWithdrawal", {"TraceNo": "T1", "Balance": Decimal("90.00")})
    reply = codec.decode(ASK, _answer(codec, body))
    assert (reply.TraceNo, str(reply.Balance)) == ("T1", "90.00")


@pytest.mark.parametrize("status", [200, 400, 500])
def test_declared_faults_come_back_typed(codec: SoapCodec, status: int) -> None:
    """A Fault is known by its detail's name and brings the typed detail, whatever the HTTP status."""
    body = codec.encode_fault("Client", "no money", ("INSUFFICIENT", {"Balance": Decimal("3.10")}))
    fault = _failure(codec, _answer(codec, body, status))
    assert (fault.kind, fault.status, fault.reason) == ("fault", status, "no money")
    assert fault.names[-1] == "INSUFFICIENT"
    assert fault.declared == Insufficient(Balance=Decimal("3.10"))


def test_a_fault_without_detail_has_its_code(codec: SoapCodec) -> None:
    """An undeclared Fault is known by its code."""
    fault = _failure(codec, _answer(codec, codec.encode_fault("Server", "out of order"), 500))
    assert fault.names in (("Server",), ("Receiver",))
    assert fault.declared is None


def test_a_detail_that_does_not_fit_is_undeclared() -> None:
    """A detail of the declared name with other content keeps its name and has no model."""
    body = CODEC.encode_fault("Client", "x", ("INSUFFICIENT", {"Balance": Decimal(1)})).replace(b">1<", b">much<")
    fault = _failure(CODEC, _answer(CODEC, body, 500))
    assert ("INSUFFICIENT" in fault.names, fault.declared) == (True, None)


def test_codes_and_subcodes_are_names() -> None:
    """Subcodes of 1.2 and the dotted parts of 1.1 are names, prefixes declared or not."""
    space = "http://www.w3.org/2003/05/soap-envelope"
    body = (
        f'<s:Envelope xmlns:s="{space}"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>'
        "<s:Value>x:LIMIT</s:Value><s:Subcode><s:Value>DAY</s:Value></s:Subcode></s:Subcode></s:Code>"
        '<s:Reason><s:Text xml:lang="en">too \x7f much</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
    )
    fault = _failure(CODEC, _answer(CODEC, body.encode(), 500))
    assert (fault.names, fault.reason) == (("Sender", "LIMIT", "DAY"), "too ? much")
    old = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        "<faultcode>s:Client.INSUFFICIENT</faultcode><faultstring/></s:Fault></s:Body></s:Envelope>"
    )
    fault = _failure(CODEC, _answer(CODEC, old.encode(), 500))
    assert fault.names == ("Client.INSUFFICIENT", "Client", "INSUFFICIENT")


@given(account=xml_text, amount=money)
def test_any_request_comes_back_as_it_was(account: str, amount: Decimal) -> None:
    """Text and money survive the way to the provider, digit by digit."""
    asked = Withdraw(AccountNo=account, Amount=amount)
    name, fields = CODEC.decode_request(CODEC.encode(asked).body)
    assert name == "accountWithdrawal"
    assert fields["AccountNo"] == account
    assert str(fields["Amount"]) == f"{amount:f}"


@given(trace=xml_text, balance=money)
def test_any_reply_comes_back_as_it_was(trace: str, balance: Decimal) -> None:
    """Text and money survive the way from the provider, digit by digit."""
    body = CODEC.encode_reply("accountWithdrawal", {"TraceNo": trace, "Balance": balance})
    reply = CODEC.decode(ASK, _answer(CODEC, body))
    assert (reply.TraceNo, str(reply.Balance)) == (trace, f"{balance:f}")


@given(st.binary(max_size=200), st.integers(0, len(REPLY)))
def test_no_damage_is_anything_but_malformed(noise: bytes, place: int) -> None:
    """Bytes put into a good answer leave an answer or a fault of the provider, never another error."""
    body = REPLY[:place] + noise + REPLY[place:]
    kind = ""
    try:
        CODEC.decode(ASK, _answer(CODEC, body))
    except ProviderFault as fault:
        kind = fault.kind
    assert kind in ("", "malformed")


def _replace(old: str, new: str) -> Callable[[], bytes]:
    assert old.encode() in REPLY
    return lambda: REPLY.replace(old.encode(), new.encode())


NONSENSE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "blank": lambda: b" \n",
    "HTML": lambda: b"<html><body>Please sign in</body></html>",
    "truncated": lambda: REPLY[:-20],
    "two roots": lambda: REPLY + REPLY.partition(b"\n")[2],
    "wrong charset": lambda: REPLY.replace(b">T1<", b">\xe9<"),
    "DTD": lambda: REPLY.replace(b"?>", b"?><!DOCTYPE a>", 1),
    "other envelope": _replace("2003/05/soap-envelope", "1999/soap-envelope"),
    "other version": _replace("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"),
    "other namespace": _replace("urn:example:bank", "urn:example:shop"),
    "other element": _replace("accountWithdrawalResponse", "accountDepositResponse"),
    "request as reply": lambda: CODEC.encode(ASK).body,
    "extra field": _replace("</ns0:Balance>", "</ns0:Balance><ns0:Bonus>1</ns0:Bonus>"),
    "missing field": _replace("<ns0:TraceNo>T1</ns0:TraceNo>", ""),
    "wrong order": lambda: CODEC.encode_reply("accountWithdrawal", {"TraceNo": "", "Balance": 1}).replace(
        b"<ns0:TraceNo></ns0:TraceNo><ns0:Balance>1</ns0:Balance>", b"<ns0:Balance>1</ns0:Balance><ns0:TraceNo/>"
    ),
    "empty number": _replace("90.00", ""),
    "nil": _replace("<ns0:Balance>90.00", f'<ns0:Balance xmlns:i="{INSTANCE}" i:nil="1">'),
    "no number": _replace("90.00", "s3cret"),
    "no finite number": _replace("90.00", "NaN"),
    "empty body": lambda: b'<a:Envelope xmlns:a="http://www.w3.org/2003/05/soap-envelope"><a:Body/></a:Envelope>',
    "no body": lambda: b'<a:Envelope xmlns:a="http://www.w3.org/2003/05/soap-envelope"/>',
    "other xsi:type": _replace("<ns0:Balance>", f'<ns0:Balance xmlns:i="{INSTANCE}" i:type="ns0:none">x'),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_malformed(name: str) -> None:
    """What is not the reply that the WSDL and the model describe is malformed, and its values stay out of logs."""
    fault = _failure(CODEC, _answer(CODEC, NONSENSE[name]()))
    assert fault.kind == "malformed"
    assert "s3cret" not in fault.reason


@pytest.mark.parametrize("media", ["text/html", "application/json", "multipart/related", "text/plain"])
def test_another_content_type_is_malformed(media: str) -> None:
    """An envelope is XML by its content type, too."""
    fault = _failure(CODEC, WireResponse(200, (("Content-Type", media),), REPLY))
    assert fault.kind == "malformed"


@pytest.mark.parametrize("body", [b"", b"<html/>", b"out of order", REPLY])
@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_an_error_status_without_fault_is_a_status(status: int, body: bytes) -> None:
    """Another status than 2xx is never an answer, not even with a valid body."""
    fault = _failure(CODEC, _answer(CODEC, body, status))
    assert (fault.kind, fault.status) == ("status", status)


def test_what_xml_cannot_carry_is_refused() -> None:
    """A NUL or control character is a ValueError: the consumer gave it."""
    for text in ("a\x00b", "\x01", "\ufffe"):
        with pytest.raises(ValueError, match=r"."):
            CODEC.encode(Withdraw(AccountNo=text, Amount=Decimal(1)))


def test_markup_in_a_value_stays_text() -> None:
    """No value can end its element."""
    asked = Withdraw(AccountNo="</AccountNo><Amount>1</Amount>&amp;<![CDATA[", Amount=Decimal(5))
    assert CODEC.decode_request(CODEC.encode(asked).body)[1] == asked.model_dump()


class Colour(Enum):
    """An enumeration."""

    RED = "red"


class Hidden(SoapMessage[Result], operation="accountWithdrawal"):
    """A message with values that are not plain."""

    AccountNo: SecretStr | Colour
    Amount: Decimal


@pytest.mark.parametrize(("value", "sent"), [(SecretStr("pw"), "pw"), (Colour.RED, "red")])
def test_secrets_and_enumerations_are_sent_as_their_value(value: Any, sent: str) -> None:
    """What the provider gets is the value itself, not how Python shows it."""
    assert CODEC.decode_request(CODEC.encode(Hidden(AccountNo=value, Amount=Decimal(1))).body)[1]["AccountNo"] == sent


def test_a_misspelt_operation_is_found_before_the_first_call() -> None:
    """The error suggests the operation that was meant."""

    class Wrong(SoapMessage[Result], operation="acountWithdrawal"):
        AccountNo: str

    with pytest.raises(ValueError, match="no operation 'acountWithdrawal'; did you mean 'accountWithdrawal'"):
        CODEC.check(Wrong)


def test_misspelt_fields_are_found_before_the_first_call() -> None:
    """So are fields of the message and required fields of its reply."""

    class WrongField(SoapMessage[Result], operation="accountWithdrawal"):
        AcountNo: str

    class Odd(BaseModel):
        TraceNumber: str
        Other: str = ""

    class WrongReply(SoapMessage[Odd], operation="accountWithdrawal"):
        AccountNo: str
        Amount: Decimal

    CODEC.check(Withdraw)
    with pytest.raises(ValueError, match="has no 'AcountNo' in the WSDL; did you mean 'AccountNo'"):
        CODEC.check(WrongField)
    with pytest.raises(ValueError, match="has no 'TraceNumber' in the WSDL; did you mean 'TraceNo'"):
        CODEC.check(WrongReply)


@pytest.mark.parametrize("body", [b"", b"<a/>", REPLY, NONSENSE["empty body"]()])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    """A stand-in refuses what the port does not ask."""
    with pytest.raises(ValueError, match=r"."):
        CODEC.decode_request(body)


def test_a_stand_in_cannot_answer_what_the_wsdl_lacks() -> None:
    """Unknown operations and details are errors of the stand-in."""
    with pytest.raises(ValueError, match="no operation 'deposit'"):
        CODEC.encode_reply("deposit", {})
    with pytest.raises(ValueError, match="no element 'POOR'"):
        CODEC.encode_fault("Client", "x", ("POOR", {}))


WRAPPED = """<xsd:element name="accountWithdrawalResponse"><xsd:complexType><xsd:sequence>
<xsd:element name="accountWithdrawalResult"><xsd:complexType><xsd:sequence>
<xsd:element name="TraceNo" type="xsd:string"/><xsd:element name="Balance" type="xsd:decimal"/>
</xsd:sequence></xsd:complexType></xsd:element></xsd:sequence></xsd:complexType></xsd:element>"""


def test_a_lone_wrapper_is_taken_off(tmp_path: Path) -> None:
    """A reply inside one ``...Result`` element fits a model that does not speak of the wrapper."""
    text = WSDL.read_text()
    start = text.index('<xsd:element name="accountWithdrawalResponse">')
    end = text.index('<xsd:element name="INSUFFICIENT">')
    (tmp_path / "wrapped.wsdl").write_text(text[:start] + WRAPPED + text[end:])
    codec = soap_codec(tmp_path / "wrapped.wsdl")
    codec.check(Withdraw)
    inner = {"TraceNo": "T", "Balance": Decimal("1.0")}
    body = codec.encode_reply("accountWithdrawal", {"accountWithdrawalResult": inner})
    assert codec.decode(ASK, _answer(codec, body)) == Result(TraceNo="T", Balance=Decimal("1.0"))


class Loose(BaseModel):
    """A reply that asks for nothing, so that a value read wrongly would pass unseen."""

    TraceNo: str | None = None
    Balance: Any = None


class Loosely(SoapMessage[Loose], operation="accountWithdrawal"):
    """A message with such a reply."""

    AccountNo: str = "1"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "7", 7),
        ("int", "7x", None),
        ("int", "9" * 5000, None),
        ("boolean", "true", True),
        ("boolean", " 0 ", False),
        ("boolean", "TRUE", None),
        ("boolean", "yes", None),
        ("double", "1.5", 1.5),
        ("double", "1,5", None),
        ("decimal", " 1.50 ", Decimal("1.50")),
        ("decimal", "1,50", None),
        ("date", "2026-02-30", None),
        ("dateTime", "yesterday", None),
        ("base64Binary", "QQQQQ", None),
        ("string", "", ""),
    ],
)
def test_a_value_of_another_type_is_never_read_as_absent(tmp_path: Path, kind: str, text: str, value: Any) -> None:
    """Even where the model would take anything, a value that is not of the declared type is malformed."""
    wsdl = tmp_path / "typed.wsdl"
    wsdl.write_text(WSDL.read_text().replace('name="Balance" type="xsd:decimal"', f'name="Balance" type="xsd:{kind}"'))
    codec = soap_codec(wsdl)
    answer = _answer(codec, REPLY.replace(b"90.00", text.encode()))
    if value is None:
        with pytest.raises(ProviderFault) as caught:
            codec.decode(Loosely(), answer)
        assert caught.value.kind == "malformed"
    else:
        assert codec.decode(Loosely(), answer).Balance == value
