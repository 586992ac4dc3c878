"""Whole SOAP providers against a real bank on another implementation, in both versions of SOAP."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pi_server import Call, Fault
from pi_server.domain.status_map import Rule, StatusMap, Then, When
from pi_server.providers.provider import Provider
from tests.providers.bank import WSDL, Insufficient, Withdraw, wsdl_11
from tests.providers.conftest import Open

MAP = StatusMap(
    faults=(Rule(when=When(fault="INSUFFICIENT"), then=Then(code="insufficient_funds", status=409, message="No.")),)
)


@pytest.fixture(params=["soap11", "soap12"])
async def bank(request: pytest.FixtureRequest, soap_provider: str, open_provider: Open, tmp_path: Path) -> Provider:
    """The bank, asked in each version."""
    wsdl = wsdl_11(tmp_path) if request.param == "soap11" else WSDL
    return await open_provider(f"{soap_provider}/{request.param}/", MAP, wsdl=wsdl, bulkhead={"wait": "30s"})


async def test_a_withdrawal_is_answered(bank: Provider) -> None:
    """A call goes out, and the typed reply comes back."""
    done = await bank.send(Call(), Withdraw(AccountNo="1001", Amount=Decimal("1.10")))
    assert len(done.TraceNo) == 32
    assert done.Balance < 100


@pytest.mark.parametrize("amount", ["0.10", "100.00", "12345678901234567890.123456789", "-0.50"])
async def test_money_is_exact(bank: Provider, amount: str) -> None:
    """Every digit of an amount comes back, also trailing zeros."""
    done = await bank.send(Call(), Withdraw(AccountNo="E", Amount=Decimal(amount)))
    assert str(done.Balance) == amount


async def test_text_is_exact(bank: Provider) -> None:
    """Markup, other scripts and spaces come back as they were."""
    text = "E <&>\"' é 漢字 \u200f  x"
    assert (await bank.send(Call(), Withdraw(AccountNo=text, Amount=Decimal(1)))).TraceNo == text


async def test_the_declared_fault_is_typed(bank: Provider) -> None:
    """The bank's declared Fault is known by its name and brings its detail."""
    with pytest.raises(Fault) as caught:
        await bank.send(Call(), Withdraw(AccountNo="poor", Amount=Decimal("1000.00")))
    assert (caught.value.code, caught.value.status) == ("insufficient_funds", 409)
    assert caught.value.declared == Insufficient(Balance=Decimal("0.00"))


async def test_parallel_calls_get_their_own_answers(bank: Provider) -> None:
    """Of 200 calls at a time, none gets another's answer."""
    asked = [Withdraw(AccountNo=f"E{n}", Amount=Decimal(n) / 100) for n in range(200)]
    answers = await asyncio.gather(*(bank.send(Call(), message) for message in asked))
    assert [(a.TraceNo, a.Balance) for a in answers] == [(m.AccountNo, m.Amount) for m in asked]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("html", "provider_malformed"),
        ("html502", "provider_failed"),
        ("garbage", "provider_malformed"),
        ("empty", "provider_malformed"),
        ("no-json", "provider_malformed"),
        ("error", "provider_failed"),
        ("redirect", "provider_failed"),
        ("truncated", "provider_malformed"),
        ("hangup", "provider_unreachable"),
        ("reset", "provider_unreachable"),
        ("huge", "provider_too_large"),
        ("slow", "provider_timeout"),
        ("dribble", "provider_timeout"),
    ],
)
async def test_each_misbehaviour_becomes_its_fault(
    rest_provider: str, open_provider: Open, path: str, code: str
) -> None:
    """Whatever answers in the bank's place, the consumer reads a declared fault."""
    section: dict[str, Any] = {"timeout": 0.6} if code == "provider_timeout" else {}
    bank = await open_provider(f"{rest_provider}/{path}", MAP, wsdl=WSDL, **section)
    with pytest.raises(Fault) as caught:
        await bank.send(Call(), Withdraw(AccountNo="1001", Amount=Decimal(1)))
    assert caught.value.code == code


async def test_the_wrong_version_is_a_fault_of_the_provider(soap_provider: str, open_provider: Open) -> None:
    """A bank that does not understand the envelope is told from one that refuses."""
    bank = await open_provider(f"{soap_provider}/soap11/", MAP, wsdl=WSDL)
    with pytest.raises(Fault) as caught:
        await bank.send(Call(), Withdraw(AccountNo="1001", Amount=Decimal(1)))
    assert 500 <= caught.value.status <= 504


async def test_an_address_that_is_no_bank_is_a_status(soap_provider: str, open_provider: Open) -> None:
    """404 from the bank's server is a status, not an answer."""
    bank = await open_provider(f"{soap_provider}/none/", MAP, wsdl=WSDL)
    with pytest.raises(Fault) as caught:
        await bank.send(Call(), Withdraw(AccountNo="1001", Amount=Decimal(1)))
    assert caught.value.code == "provider_failed"
