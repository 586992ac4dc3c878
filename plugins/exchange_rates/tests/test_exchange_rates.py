"""The rates service, asked without a server."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from pi_exchange_rates.sandbox import latest
from pi_exchange_rates.service import ExchangeRates, Latest, Rates, Table, Wanted
from pi_server import Call
from pi_server.testing import FakeProvider


async def test_latest_returns_the_markets_table() -> None:
    """The rates are the market's, digit by digit, and the market is asked for the wanted symbols."""
    market = FakeProvider({Latest: Table(base="EUR", rates={"USD": Decimal("1.2500")})})
    rates = await ExchangeRates(market=market).latest(Call(), Wanted(base="EUR", symbols=["USD"]))
    assert rates == Rates(base="EUR", rates={"USD": Decimal("1.2500")})
    assert market.asked == [Latest(base="EUR", symbols=["USD"])]


@pytest.mark.parametrize("base", ["", "eur", "EURO", "../x", "EU\n"])
def test_what_is_no_currency_is_refused(base: str) -> None:
    """A currency is three capital letters."""
    with pytest.raises(ValidationError):
        Wanted.model_validate({"base": base})


def test_the_stand_in_answers_what_is_asked() -> None:
    """The stand-in gives the wanted symbols, or all others, and nothing for a currency it does not know."""
    assert latest(Latest(base="EUR", symbols=["USD"])).rates == {"USD": Decimal("1.25")}
    assert set(latest(Latest(base="USD")).rates) == {"EUR", "GBP", "JPY"}
    assert latest(Latest(base="XXX")).rates == {}
