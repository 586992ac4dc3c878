"""What rules find in the body of an answer."""

from decimal import Decimal

import pytest

from pi_server import Call, Fault
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.message import WireResponse
from pi_server.domain.selectors import selector
from pi_server.domain.standing import Standing
from pi_server.domain.status_map import StatusMap
from pi_server.providers.inside import SEARCHED, JsonInside
from pi_server.providers.provider import Provider
from pi_server.providers.rest import RestCodec
from pi_server.providers.soap.inside import XmlInside
from tests.providers.bank import Ask, Withdraw, soap_codec

JSON = b'{"error": {"code": "E1", "n": 17, "ok": false, "x": null, "d": 1.50}, "rows": [{"code": "E2"}, {"code": 3}]}'
XML = b'<s:a xmlns:s="urn:s"><b id="7"><s:code> E1 </s:code></b><code>E2</code><c><d/>so  so</c></s:a>'


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$.error.code", ["E1"]),
        ("$.error.n", ["17"]),
        ("$.error.ok", ["false"]),
        ("$.error.x", ["null"]),
        ("$.error.d", ["1.50"]),
        ("$.error", [""]),
        ("$..code", ["E1", "E2", "3"]),
        ("$.rows[1].code", ["3"]),
        ("$.rows[*].code", ["E2", "3"]),
        ("$.nothing.code", []),
        ("//code", []),
    ],
)
def test_places_in_json(path: str, values: list[str]) -> None:
    """Values are compared as they are written; an XPath finds nothing."""
    assert list(JsonInside(WireResponse(200, (), JSON)).at(selector(path))) == values


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("//code", ["E1", "E2"]),
        ("/a/code", ["E2"]),
        ("/a/b/x:code", ["E1"]),
        ("/a/b", [""]),
        ("//@id", ["7"]),
        ("/a/b/@id", ["7"]),
        ("/a//@id", ["7"]),
        ("/a/*/code", ["E1"]),
        ("/b", []),
        ("$.a", []),
    ],
)
def test_places_in_xml(path: str, values: list[str]) -> None:
    """Prefixes are not compared; a JSON path finds nothing."""
    assert list(XmlInside(WireResponse(200, (), XML)).at(selector(path))) == values


def test_what_cannot_be_read_has_a_text_all_the_same() -> None:
    """As much of it as is searched; the text of XML is that of its elements."""
    torn = WireResponse(502, (), b"<html>\xff" + b"x" * 100_000)
    assert list(JsonInside(torn).at(selector("$.a"))) == list(XmlInside(torn).at(selector("//html"))) == []
    assert len(JsonInside(torn).text) == len(XmlInside(torn).text) == SEARCHED
    assert XmlInside(WireResponse(200, (), XML)).text == "E1 E2 so so"


RULES = StatusMap.model_validate(
    {
        "faults": [
            {"when": {"at": "$.error.code", "is": "E1"}, "then": {"code": "one", "status": 409, "message": "One."}},
            {"when": {"at": "//TraceNo", "is": "NONE"}, "then": {"code": "none", "status": 404, "message": "None."}},
            {"when": {"text": "no money"}, "then": {"code": "poor", "status": 402, "message": "Poor."}},
        ]
    }
)
HEADERS = (("Content-Type", "application/json"),)


def _provider(response: WireResponse, *, soap: bool = False) -> Provider:
    async def send(_: Exchange) -> WireResponse:
        return response

    codec = soap_codec() if soap else RestCodec("http://it.invalid")
    return Provider("it", codec, send, Standing(Endpoint("", "", "")), RULES)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": {"code": "E1"}}', "one"),
        (b'{"base": "EUR", "rates": {}, "error": {"code": "E1"}}', "one"),
        (b'{"error": {"code": "E9"}}', "provider_malformed"),
    ],
)
async def test_a_code_inside_a_200_is_a_refusal(body: bytes, code: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whether the rest fits the reply's model or not; only what no rule knows leaves an error line."""
    with pytest.raises(Fault) as caught:
        await _provider(WireResponse(200, HEADERS, body)).send(Call(), Ask())
    assert caught.value.code == code
    assert [record.name for record in caplog.records] == ["pi_server.provider"] * (code == "provider_malformed")


async def test_an_answer_that_no_rule_knows_is_the_reply() -> None:
    """Looking inside takes nothing from it."""
    body = b'{"base": "EUR", "rates": {}, "error": {"code": "E9"}, "note": "no money"}'
    assert (await _provider(WireResponse(200, HEADERS, body)).send(Call(), Ask())).base == "EUR"


async def test_a_value_inside_a_soap_reply_is_a_refusal() -> None:
    """The place is an XPath."""
    reply = soap_codec().encode_reply("accountWithdrawal", {"TraceNo": "NONE", "Balance": Decimal(0)})
    with pytest.raises(Fault, match="none"):
        await _provider(WireResponse(200, (("Content-Type", "text/xml"),), reply), soap=True).send(
            Call(), Withdraw(AccountNo="1", Amount=Decimal(1))
        )


async def test_the_text_of_a_soap_fault_is_searched() -> None:
    """What it says decides, and none of it is told."""
    fault = soap_codec().encode_fault("Server", "there is no money & SECRET")
    with pytest.raises(Fault) as caught:
        await _provider(WireResponse(500, (("Content-Type", "text/xml"),), fault), soap=True).send(
            Call(), Withdraw(AccountNo="1", Amount=Decimal(1))
        )
    assert (caught.value.code, "SECRET" in str(caught.value)) == ("poor", False)
