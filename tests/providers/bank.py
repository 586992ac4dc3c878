"""The messages of the bank and of the market, and the bank's WSDL in both versions of SOAP."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pi_server import RestMessage, SoapMessage
from pi_server.providers.soap.codec import SoapCodec
from pi_server.providers.wsdl import load_wsdl

PACKAGE = Path(__file__).parents[2] / "plugins/account_withdrawal/pi_account_withdrawal"
WSDL = PACKAGE / "files/withdraw.wsdl"


class Result(BaseModel):
    """What the bank answers."""

    TraceNo: str
    Balance: Decimal


class Insufficient(BaseModel):
    """What the bank declares."""

    Balance: Decimal


class Withdraw(SoapMessage[Result], operation="accountWithdrawal", faults={"INSUFFICIENT": Insufficient}):
    """What the bank is asked."""

    AccountNo: str
    Amount: Decimal


class Table(BaseModel):
    """What the market answers."""

    base: str
    rates: dict[str, Decimal]


class Latest(RestMessage[Table], path="/latest/{base}"):
    """What the market is asked."""

    base: str
    symbols: list[str] | None = None


class Ask(RestMessage[Table]):
    """Ask the endpoint itself."""


class Echoed(BaseModel):
    """What came to the market."""

    verb: str
    target: str
    headers: dict[str, str]
    body: str
    count: int


class Echo(RestMessage[Echoed], path="/echo/{word}"):
    """Ask for the request itself."""

    word: str


def wsdl_11(directory: Path) -> Path:
    """The bank's WSDL, bound to SOAP 1.1."""
    path = directory / "withdraw11.wsdl"
    path.write_text(WSDL.read_text().replace("/wsdl/soap12/", "/wsdl/soap/"))
    return path


def soap_codec(path: Path = WSDL, **chosen: Any) -> SoapCodec:
    """A codec for the bank."""
    return SoapCodec(load_wsdl(path, **chosen), "http://bank.invalid/ws")
