"""What the services of the chain and of the body answer and take, for us and for the peers alike."""

import json
from datetime import date
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Answer = TypeVar("Answer", bound=BaseModel)

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Money = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=2)]
SESSION = {"theme": "dark", "basket": [17, 4711, 815], "language": "en-GB"}
"""What a session holds beside its user."""


class Pong(BaseModel):
    """A tiny answer: who asked."""

    user: str


class Placed(BaseModel):
    """A tiny answer to an order."""

    reference: str
    lines: int


class Enveloped(BaseModel, Generic[Answer]):
    """The common form of an answer, as the peers make it."""

    data: Answer
    correlationId: str  # noqa: N815 - the name on the wire


class Address(BaseModel):
    """Where something is sent."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=70)]
    street: Annotated[str, Field(max_length=70)]
    city: Annotated[str, Field(max_length=35)]
    postcode: Annotated[str, Field(pattern=r"^[0-9A-Z -]{3,10}$")]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class Line(BaseModel):
    """So many of something."""

    model_config = ConfigDict(extra="forbid")

    article: Annotated[str, Field(pattern=r"^[A-Z]{2}-[0-9]{6}$")]
    title: Annotated[str, Field(max_length=100)]
    quantity: Annotated[int, Field(gt=0, le=999)]
    price: Money
    gift: bool = False


class Order(BaseModel):
    """What is ordered."""

    model_config = ConfigDict(extra="forbid")

    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,36}$")]
    placed: date
    currency: Currency
    channel: Literal["web", "branch", "phone"]
    total: Money
    address: Address
    lines: Annotated[list[Line], Field(min_length=1, max_length=50)]
    note: Annotated[str, Field(max_length=200)] | None = None


_TITLE = "Copper bolt, galvanised, {} mm"
BODY = json.dumps(
    {
        "reference": "7f3c9a52-1d84-4e0b",
        "placed": "2026-02-28",
        "currency": "GBP",
        "channel": "web",
        "total": 61.25,
        "address": {
            "name": "Ada Lovelace",
            "street": "12 St James Square",
            "city": "London",
            "postcode": "SW1Y 4JH",
            "country": "GB",
        },
        "lines": [
            {"article": f"CB-{size:06}", "title": _TITLE.format(size), "quantity": size, "price": 1.25, "gift": False}
            for size in range(4, 11)
        ],
        "note": "Leave it with the neighbours, please.",
    }
)
"""An order of one kilobyte, with amounts as the numbers most consumers send."""
