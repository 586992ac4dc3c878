"""Two small services, as a plugin's author would write them."""

from contextlib import AbstractAsyncContextManager
from decimal import Decimal

from pydantic import BaseModel

from pi_server import Call, Fault, RestMessage, RestProvider, Service, SoapMessage, SoapProvider, get, post


class Withdrawal(BaseModel):
    """What the consumer sends."""

    account: str
    amount: Decimal


class Receipt(BaseModel):
    """What the consumer gets."""

    trace: str
    balance: Decimal


class WithdrawResult(BaseModel):
    """What the bank answers."""

    TraceNo: str
    Balance: Decimal


class Withdraw(SoapMessage[WithdrawResult]):
    """What the bank is asked."""

    AccountNo: str
    Amount: Decimal


class Deposit(SoapMessage[WithdrawResult]):
    """What nobody foresees."""


class AccountWithdrawal(Service):
    """Withdrawals."""

    root = "/api/account/v1.0"
    bank: SoapProvider

    @post("/withdraw", scope="account.withdraw")
    async def withdraw(self, call: Call, order: Withdrawal) -> Receipt:
        """Take money."""
        done = await self.bank.send(call, Withdraw(AccountNo=order.account, Amount=order.amount))
        return Receipt(trace=done.TraceNo, balance=done.Balance)


class Table(BaseModel):
    """What the market answers."""

    base: str
    rates: dict[str, Decimal]


class Latest(RestMessage[Table], path="/latest/{base}"):
    """What the market is asked."""

    base: str


class Base(BaseModel):
    """What the consumer asks for."""

    base: str


class FXRates2(Service):
    """Rates; its name is fx_rates2."""

    root = "/rates"
    market: RestProvider

    @get("/{base}", scope="rates.read")
    async def latest(self, call: Call, wanted: Base) -> Table:
        """Give the rates."""
        return await self.market.send(call, Latest(base=wanted.base))


class Broken(Service):
    """A service that does not start."""

    root = "/broken"

    def lifespan(self) -> AbstractAsyncContextManager[None]:
        """Fail."""
        raise Fault("no_luck")

    @get("/", public=True)
    async def nothing(self, call: Call) -> None:
        """Give nothing."""
