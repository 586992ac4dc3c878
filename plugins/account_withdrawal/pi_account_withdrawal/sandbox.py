"""A stand-in for the bank, for ``pi-server run --sandbox``: one account, in memory, gone with the process."""

from decimal import Decimal
from uuid import uuid4

from pi_account_withdrawal.service import Insufficient, Withdraw, WithdrawResult

_ledger = {"1001": Decimal("100.00")}


def withdraw(message: Withdraw) -> WithdrawResult | Insufficient:
    """Take the money, or answer the fault that the bank declares for an account that holds too little."""
    held = _ledger.get(message.AccountNo, Decimal("0.00"))
    if held < message.Amount:
        return Insufficient(Balance=held)
    _ledger[message.AccountNo] = held - message.Amount
    return WithdrawResult(TraceNo=uuid4().hex, Balance=_ledger[message.AccountNo])


STAND_INS = {"bank": {Withdraw: withdraw}}
"""What answers each message, by the field of the service; a declared fault is answered by returning its model."""

EXAMPLE = ("withdraw", {"account": "1001", "amount": "10.00"})
"""An operation and an input that it takes."""
