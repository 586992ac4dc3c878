"""Read the latest exchange rates from a market (REST)."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from pi_server import Call, RestMessage, RestProvider, Service, get

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Wanted(BaseModel):
    """What the consumer asks for; without symbols, all rates."""

    base: Currency
    symbols: list[Currency] = Field(default_factory=list, max_length=50)


class Rates(BaseModel):
    """What the consumer gets: one unit of ``base`` in other currencies."""

    base: str
    rates: dict[str, Decimal]


class Table(BaseModel):
    """What the market answers."""

    base: str
    rates: dict[str, Decimal]


class Latest(RestMessage[Table], path="/latest/{base}"):
    """What the market is asked."""

    base: str
    symbols: list[str] | None = None


class ExchangeRates(Service):
    """Exchange rates of one market."""

    root = "/api/rates/v1.0"
    market: RestProvider

    @get("/latest/{base}", scope="rates.read")
    async def latest(self, call: Call, wanted: Wanted) -> Rates:
        """Give what one unit of ``base`` is worth, in all currencies or in ``symbols`` only."""
        table = await self.market.send(call, Latest(base=wanted.base, symbols=wanted.symbols or None))
        return Rates(base=table.base, rates=table.rates)
