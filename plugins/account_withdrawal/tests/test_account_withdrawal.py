"""The withdrawal service, asked without a server."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from pi_account_withdrawal.sandbox import EXAMPLE, withdraw
from pi_account_withdrawal.service import (
    AccountWithdrawal,
    Insufficient,
    Receipt,
    Withdraw,
    Withdrawal,
    WithdrawResult,
)
from pi_server import Call
from pi_server.testing import FakeProvider


async def test_withdraw_returns_the_banks_trace_number() -> None:
    """The receipt carries the trace number and balance the bank answered."""
    bank = FakeProvider({Withdraw: WithdrawResult(TraceNo="T1", Balance=Decimal(5))})
    receipt = await AccountWithdrawal(bank=bank).withdraw(Call(), Withdrawal(account="42", amount=Decimal(10)))
    assert receipt == Receipt(trace="T1", balance=Decimal(5))
    assert bank.asked == [Withdraw(AccountNo="42", Amount=Decimal(10))]


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1e9999", "NaN", "1234567890123456"])
def test_amounts_that_are_no_money_are_refused(amount: str) -> None:
    """Only amounts above zero with at most two decimals and fifteen digits are orders."""
    with pytest.raises(ValidationError):
        Withdrawal.model_validate({"account": "1001", "amount": amount})


@pytest.mark.parametrize("account", ["", " ", "a b", "1001\n", "<x/>", "1" * 35])
def test_accounts_that_are_no_numbers_are_refused(account: str) -> None:
    """An account is 1 to 34 digits, capitals and dashes."""
    with pytest.raises(ValidationError):
        Withdrawal.model_validate({"account": account, "amount": "1"})


def test_the_stand_in_keeps_a_ledger() -> None:
    """The stand-in takes money while there is some, and then answers the declared fault."""
    first = withdraw(Withdraw(AccountNo="1001", Amount=Decimal("30.00")))
    assert isinstance(first, WithdrawResult)
    second = withdraw(Withdraw(AccountNo="1001", Amount=first.Balance + 1))
    assert second == Insufficient(Balance=first.Balance)
    assert withdraw(Withdraw(AccountNo="none", Amount=Decimal(1))) == Insufficient(Balance=Decimal(0))


def test_the_example_is_an_operation_with_its_input() -> None:
    """The example that the sandbox prints fits the operation."""
    name, order = EXAMPLE
    assert hasattr(AccountWithdrawal, name)
    assert Withdrawal.model_validate(order).account == "1001"
