"""A whole provider over an outbound chain that is played."""

import logging
import threading
from decimal import Decimal

import pytest

from pi_server import Call, Fault
from pi_server.domain.exchange import Endpoint, Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.domain.once import outcome
from pi_server.domain.standing import Standing
from pi_server.domain.status_map import Rule, StatusMap, Then, When
from pi_server.domain.trail import Trail
from pi_server.providers.provider import OFF_LOOP, Provider
from pi_server.providers.rest import RestCodec
from tests.providers.bank import Ask, Latest, Table, Withdraw, soap_codec

JSON = (("Content-Type", "application/json"),)
GOOD = WireResponse(200, JSON, b'{"base": "EUR", "rates": {}}')


def _provider(send: Send, status_map: StatusMap | None = None) -> Provider:
    endpoint = Endpoint("http://market.invalid", "rates", "market")
    codec = RestCodec("http://market.invalid")
    return Provider("market", codec, send, Standing(endpoint), status_map or StatusMap(), headers={"X-Key": "k"})


def _answering(response: WireResponse, seen: list[Exchange] | None = None) -> Send:
    async def send(exchange: Exchange) -> WireResponse:
        if seen is not None:
            seen.append(exchange)
        return response

    return send


async def test_the_exchange_carries_the_correlation_id_and_the_configured_headers() -> None:
    """They are part of the request before the chain sees it, so the API log shows what is sent."""
    seen: list[Exchange] = []
    call = Call()
    assert await _provider(_answering(GOOD, seen)).send(call, Ask()) == Table(base="EUR", rates={})
    assert seen[0].request.headers[-2:] == (("activityid", call.correlation_id), ("X-Key", "k"))
    assert (seen[0].call, seen[0].deadline, seen[0].endpoint.company) == (call, call.deadline, "market")


async def test_a_message_that_cannot_be_sent_is_the_consumers_fault() -> None:
    """What the wire cannot carry is answered 422, and nothing is sent."""
    seen: list[Exchange] = []
    with pytest.raises(Fault) as caught:
        await _provider(_answering(GOOD, seen)).send(Call(), Latest(base=".."))
    assert (caught.value.code, caught.value.status, seen) == ("message_rejected", 422, [])


async def test_a_nul_for_a_soap_provider_is_the_consumers_fault() -> None:
    """XML has no NUL."""
    provider = Provider("bank", soap_codec(), _answering(GOOD), Standing(Endpoint("", "", "")), StatusMap())
    with pytest.raises(Fault) as caught:
        await provider.send(Call(), Withdraw(AccountNo="\x00", Amount=Decimal(1)))
    assert caught.value.status == 422


async def test_a_provider_fault_is_told_by_the_status_map() -> None:
    """Rules know the provider by the field's name; the provider's fault is the cause."""
    rule = Rule(when=When(provider="market", status=404), then=Then(code="unknown", status=404, message="No."))
    provider = _provider(_answering(WireResponse(404)), StatusMap(faults=(rule,)))
    with pytest.raises(Fault) as caught:
        await provider.send(Call(), Ask())
    assert (caught.value.code, caught.value.status) == ("unknown", 404)
    assert isinstance(caught.value.__cause__, ProviderFault)


async def test_a_malformed_answer_leaves_an_error_line(caplog: pytest.LogCaptureFixture) -> None:
    """The API log has closed the exchange as answered, so the reason is told apart."""
    with pytest.raises(Fault) as caught:
        await _provider(_answering(WireResponse(200, JSON, b"{"))).send(Call(), Ask())
    assert caught.value.status == 502
    [line] = [record for record in caplog.records if record.name == "pi_server.provider"]
    assert line.levelno == logging.ERROR
    assert "malformed: not JSON" in line.getMessage()
    assert line.exc_info is None


async def test_a_refusal_leaves_no_error_line(caplog: pytest.LogCaptureFixture) -> None:
    """A status is in the API log already; that no rule knows it is told once."""
    with pytest.raises(Fault):
        await _provider(_answering(WireResponse(500))).send(Call(), Ask())
    assert [record.name for record in caplog.records] == ["pi_server.faults"]


@pytest.mark.parametrize("more", [b"", b', "base": "EUR", "rates": {}'], ids=["another form", "the reply's form"])
async def test_a_refusal_in_what_came_as_a_good_answer_is_final(more: bytes) -> None:
    """Whether the rest has the form of the reply or not: the provider has answered, and a repeat is told the same."""
    when = When.model_validate({"at": "$.error", "is": "E17"})
    rule = Rule(when=when, then=Then(code="shut", status=409, message="It is shut."))
    answer = WireResponse(200, JSON, b'{"error": "E17"' + more + b"}")
    with pytest.raises(Fault) as caught:
        await _provider(_answering(answer), StatusMap(faults=(rule,))).send(Call(), Ask())
    assert (caught.value.code, outcome(caught.value, Trail("r", begun=True))) == ("shut", "final")


@pytest.mark.parametrize(("size", "off"), [(100, False), (OFF_LOOP + 1, True)])
async def test_big_answers_are_read_off_the_loop(size: int, off: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 64 KiB decoding happens in another thread."""
    threads: list[int] = []
    decode = RestCodec.decode

    def watched(self: RestCodec, message: Ask, response: WireResponse) -> Table:
        threads.append(threading.get_ident())
        return decode(self, message, response)

    monkeypatch.setattr(RestCodec, "decode", watched)
    body = b'{"base": "EUR", "rates": {}' + b" " * size + b"}"
    assert (await _provider(_answering(WireResponse(200, JSON, body))).send(Call(), Ask())).base == "EUR"
    assert (threads[0] != threading.get_ident()) is off
