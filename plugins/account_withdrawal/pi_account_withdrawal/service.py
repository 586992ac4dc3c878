"""Withdraw money at the core bank (SOAP) through one REST call."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from pi_server import Call, Service, SoapMessage, SoapProvider, post

Account = Annotated[str, Field(pattern=r"^[0-9A-Z][0-9A-Z-]{0,33}$")]
Amount = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=2)]


class Withdrawal(BaseModel):
    """What the consumer sends."""

    account: Account
    amount: Amount


class Receipt(BaseModel):
    """What the consumer gets."""

    trace: str
    balance: Decimal


class WithdrawResult(BaseModel):
    """What the bank answers, spelled as in its WSDL."""

    TraceNo: str
    Balance: Decimal


class Insufficient(BaseModel):
    """The fault the bank declares: what the account holds is less than what was asked."""

    Balance: Decimal


class Withdraw(SoapMessage[WithdrawResult], operation="accountWithdrawal", faults={"INSUFFICIENT": Insufficient}):
    """What the bank is asked."""

    AccountNo: str
    Amount: Decimal


class AccountWithdrawal(Service):
    """Withdrawals from accounts of one bank."""

    root = "/api/account/v1.0"
    bank: SoapProvider

    @post("/withdraw", scope="account.withdraw", once=True)
    async def withdraw(self, call: Call, order: Withdrawal) -> Receipt:
        """Take ``order.amount`` from ``order.account``."""
        done = await self.bank.send(call, Withdraw(AccountNo=order.account, Amount=order.amount))
        return Receipt(trace=done.TraceNo, balance=done.Balance)
