"""The provider that answers what a test says."""

from decimal import Decimal

import pytest

from pi_server import Call, Fault
from pi_server.testing import FakeProvider
from tests.testing.sample import (
    AccountWithdrawal,
    Base,
    Deposit,
    FXRates2,
    Latest,
    Receipt,
    Table,
    Withdraw,
    Withdrawal,
    WithdrawResult,
)

RESULT = WithdrawResult(TraceNo="T1", Balance=Decimal(5))
ASKED = Withdraw(AccountNo="42", Amount=Decimal(10))


async def test_a_soap_service_is_answered() -> None:
    """The design's example of a test passes as written."""
    bank = FakeProvider({Withdraw: WithdrawResult(TraceNo="T1", Balance=Decimal("5"))})
    receipt = await AccountWithdrawal(bank=bank).withdraw(Call(), Withdrawal(account="42", amount=Decimal("10")))
    assert receipt == Receipt(trace="T1", balance=Decimal("5"))
    assert bank.asked == [Withdraw(AccountNo="42", Amount=Decimal("10"))]


async def test_a_rest_service_is_answered() -> None:
    """The same class stands in for a REST provider."""
    table = Table(base="EUR", rates={})
    assert await FXRates2(market=FakeProvider({Latest: table})).latest(Call(), Base(base="EUR")) == table


async def test_what_was_asked_is_told_in_order() -> None:
    """Messages and their calls are kept, those that were answered with a fault included."""
    bank = FakeProvider({Withdraw: Fault("no_funds", 409)})
    calls = [Call(), Call()]
    messages = [Withdraw(AccountNo=name, Amount=Decimal(1)) for name in "ab"]
    for call, message in zip(calls, messages, strict=True):
        with pytest.raises(Fault, match="no_funds"):
            await bank.send(call, message)
    assert bank.asked == messages
    assert bank.calls == calls


async def test_any_exception_is_raised() -> None:
    """What is no fault is raised too: a test may ask what a bug in a provider does."""
    with pytest.raises(ZeroDivisionError):
        await FakeProvider({Withdraw: ZeroDivisionError()}).send(Call(), ASKED)


async def test_a_callable_makes_the_reply_of_the_message() -> None:
    """A function is given the message, and what it raises is raised."""

    def answer(message: Withdraw) -> WithdrawResult:
        if message.Amount > 10:
            raise Fault("too_much", 409)
        return WithdrawResult(TraceNo=message.AccountNo, Balance=-message.Amount)

    bank = FakeProvider({Withdraw: answer})
    assert await bank.send(Call(), ASKED) == WithdrawResult(TraceNo="42", Balance=Decimal(-10))
    with pytest.raises(Fault, match="too_much"):
        await bank.send(Call(), Withdraw(AccountNo="1", Amount=Decimal(11)))


async def test_a_coroutine_function_is_awaited() -> None:
    """An answer may take its time."""

    async def answer(message: Withdraw) -> WithdrawResult:
        return RESULT

    assert await FakeProvider({Withdraw: answer}).send(Call(), ASKED) is RESULT


async def test_what_nobody_foresaw_fails_the_test() -> None:
    """The failure names the message and what was foreseen."""
    bank = FakeProvider({Withdraw: RESULT, Latest: Table(base="", rates={})})
    with pytest.raises(AssertionError, match=r"Deposit\(\) was not foreseen, only Withdraw, Latest"):
        await bank.send(Call(), Deposit())
    with pytest.raises(AssertionError, match="only nothing"):
        await FakeProvider({}).send(Call(), Deposit())


async def test_a_reply_that_no_provider_could_give_fails_the_test() -> None:
    """A reply of another model is told when the provider is made, or when its callable has made it."""
    wrong = Table(base="", rates={})
    with pytest.raises(AssertionError, match="Withdraw is answered with WithdrawResult, not with Table"):
        FakeProvider({Withdraw: wrong})
    with pytest.raises(AssertionError, match="Withdraw is answered with WithdrawResult, not with Table"):
        await FakeProvider({Withdraw: lambda _: wrong}).send(Call(), ASKED)
