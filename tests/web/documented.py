"""Services to document: one with everything an operation can declare, with valid examples, and some oddities."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field

from pi_server import Body, Call, Query, Reply, RestProvider, Service, delete, get, post, put

Id = Annotated[int, Field(ge=1, examples=[7])]


class Line(BaseModel):
    """One line of an order."""

    article: str
    price: Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=2)]
    colours: list[str] = []


class Order(BaseModel):
    """What is ordered."""

    model_config = {"json_schema_extra": {"examples": [{"Ref": "A-1", "lines": [{"article": "pen", "price": "1.10"}]}]}}

    reference: Annotated[str, Field(alias="Ref", pattern=r"^[A-Z]-[0-9]+$")]
    lines: Annotated[list[Line], Field(min_length=1)]


class Change(BaseModel):
    """A line that replaces another; the order's number comes from the path."""

    number: Id
    line: Annotated[Line, Field(examples=[{"article": "ink", "price": 2, "colours": ["blue"]}])]


class Receipt(BaseModel):
    """What an order comes to."""

    total: Decimal
    lines: list[Line] = []


class Page(BaseModel):
    """Which part of a list."""

    size: Annotated[int, Field(gt=0, le=100, examples=[10])] = 20
    states: Annotated[list[str], Field(examples=[["open", "paid"]])] = []
    after: Annotated[date, Field(description="The day before the first.", examples=["2024-02-29"])]


class Desk(Service):
    """What only the people at the desk need."""

    @get("/open", public=True)
    async def is_open(self, call: Call) -> bool:
        """Whether the desk is open."""
        return True


class Shop(Service):
    """A shop that sells **everything** an operation can be."""

    root = "/api/shop/v1.2"
    desk: Desk

    @post("/orders", scope="orders.write", status=201)
    async def create(self, call: Call, order: Order) -> Receipt:
        """Order ``lines``.

        The total is exact.
        """
        return Receipt(total=sum((line.price for line in order.lines), Decimal(0)), lines=order.lines)

    @get("/orders/{number:[0-9]+}", scope="orders.read")
    async def read(self, call: Call, number: Id, fields: list[str] | None = None) -> Receipt:
        """Tell an order by its number."""
        return Receipt(total=Decimal("3.50"))

    @get("/orders/{name:[a-z]+}")
    async def read_named(self, call: Call, name: Annotated[str, Field(examples=["first"])]) -> Reply[Receipt]:
        """Tell an order by its name."""
        return Reply(Receipt(total=Decimal(len(name))), headers={"X-Shop": "1"})

    @put("/orders/{number}/line")
    async def change(self, call: Call, change: Change) -> Receipt:
        """Replace a line."""
        return Receipt(total=change.line.price * change.number)

    @delete("/orders/{number}", deprecated=True)
    async def cancel(self, call: Call, number: Id) -> None:
        """Forget an order."""

    @post("/orders/batch")
    async def batch(self, call: Call, orders: Annotated[list[Order], Field(max_length=10)]) -> list[str]:
        """Order several times."""
        return [order.reference for order in orders]

    @post("/rounding", consumes=("application/json", "application/x-www-form-urlencoded"))
    async def rounding(
        self,
        call: Call,
        amount: Annotated[Decimal, Field(examples=["2.345"])],
        digits: Annotated[int, Field(examples=[1])] = 2,
    ) -> Decimal:
        """Round an amount."""
        return round(amount, digits)

    @get("/files/{rest:*}", public=True)
    async def file(self, call: Call, rest: Annotated[str, Field(examples=["a/b.txt"])]) -> str:
        """Repeat a path."""
        return rest

    @get("/list")
    async def browse(self, call: Call, page: Page) -> dict[str, Any]:
        """Tell a part of the orders."""
        return {"after": page.after, "states": page.states}

    @post("/search")
    async def search(self, call: Call, page: Annotated[Page, Query], wanted: Annotated[Order, Body]) -> int | None:
        """Look for orders like one; nothing if there is none."""
        return len(wanted.lines) if page.size else None


class Till(Service):
    """Takes money."""

    root = "/till"

    @post("/pay", once=True)
    async def pay(self, call: Call, order: Order) -> Receipt:
        """Pay, under a key if there is one."""
        return Receipt(total=Decimal(len(order.lines)))

    @post("/empty", once="required", status=204)
    async def empty(self, call: Call) -> None:
        """Take everything out, under a key."""


class Odd(BaseModel):
    """Holds something JSON Schema has no word for."""

    how: Callable[[], int] | None = None
    price: Decimal = Decimal("NaN")


class Market(Service):
    """Asks a provider."""

    root = "/market"
    exchange: RestProvider

    @get("/odd", public=True)
    async def odd(self, call: Call) -> Odd:
        """Answer something odd."""
        return Odd()


class Size(BaseModel):
    """How large."""

    width: int


class Edge(Service):
    """Takes and gives what few services do."""

    root = "/edge"

    @get("/optional", public=True)
    async def optional(self, call: Call, size: Size | None = None) -> Reply:  # type: ignore[type-arg] # as a plugin may
        """Take a model from the query, or none."""
        return Reply({"width": size and size.width}, status=203)

    @get("/open", public=True)
    async def open_query(self, call: Call, words: dict[str, str]) -> dict[str, str]:
        """Take any query."""
        return words
