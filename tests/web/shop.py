"""A service that uses every feature of the inbound side."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from aiohttp import web
from pydantic import BaseModel

from pi_server import Call, Fault, Reply, Service, get, post

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def named(name: str) -> Callable[[Handler], Handler]:
    """A middleware that adds its name to the header ``x-passed`` on the way out."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            response.headers["x-passed"] = f"{name},{response.headers.get('x-passed', '')}"
            return response

        return handle

    return link


class Order(BaseModel):
    """What is ordered."""

    account: str
    amount: Decimal


class Inner(Service):
    """Mounted below its parent's field."""

    @get("/deep", public=True)
    async def deep(self, call: Call) -> str:
        """Answer from below."""
        return call.correlation_id


@dataclass
class Nap:
    """A call that takes a while."""

    begun: bool = False
    over: bool = False


NAP = Nap()


class Shop(Service):
    """Every feature once."""

    root = "/api/shop"
    middlewares: ClassVar[tuple[Callable[[Handler], Handler], ...]] = (named("service"),)
    inner: Inner

    @post("/orders", scope="order", middlewares=(named("operation"),))
    async def order(self, call: Call, order: Order) -> Order:
        """Echo the order."""
        return order

    @get("/orders/{id:[0-9]+}", public=True)
    async def read(self, call: Call, id: int, full: bool = False) -> dict[str, int | bool]:  # noqa: A002
        """Echo path and query."""
        return {"id": id, "full": full}

    @get("/files/{path:*}", public=True)
    async def file(self, call: Call, path: str) -> str:
        """Echo the rest of the path."""
        return path

    @post("/form", public=True, consumes=("application/x-www-form-urlencoded",))
    async def form(self, call: Call, order: Order) -> Order:
        """Take a form."""
        return order

    @get("/versioned", public=True, produces=("application/vnd.shop.v2+json", "application/json"))
    async def versioned(self, call: Call) -> Reply[Order]:
        """Answer with a status, a header and a media type of its own."""
        return Reply(Order(account="1", amount=Decimal("1.10")), status=203, headers={"x-own": "yes"})

    @get("/nothing", public=True)
    async def nothing(self, call: Call) -> None:
        """Answer without content."""

    @get("/who")
    async def who(self, call: Call) -> dict[str, str]:
        """Tell what the call knows."""
        return {"consumer": call.consumer.name, "kind": call.consumer.kind, "source": call.source}

    @get("/refuses", public=True)
    async def refuses(self, call: Call) -> None:
        """Raise a declared fault."""
        raise Fault("closed", 409, "The shop is closed.")

    @get("/breaks", public=True)
    async def breaks(self, call: Call) -> None:
        """Raise what nobody declared."""
        raise RuntimeError("password=hunter2")

    @get("/lies", public=True)
    async def lies(self, call: Call) -> Order:
        """Return what its annotation does not promise."""
        return "not an order"  # type: ignore[return-value]

    @get("/sleeps", public=True, timeout=0.2)
    async def sleeps(self, call: Call) -> None:
        """Take longer than its timeout."""
        await asyncio.sleep(30)

    @get("/naps", public=True)
    async def naps(self, call: Call) -> None:
        """Take until somebody says that it is enough."""
        NAP.begun = True
        while not NAP.over:
            await asyncio.sleep(0.01)

    @get("/own-timeout", public=True)
    async def own_timeout(self, call: Call) -> None:
        """Fail with a TimeoutError of its own making."""
        raise TimeoutError("mine")

    @get("/forbidden-by-http", public=True)
    async def raises_http(self, call: Call) -> None:
        """Raise aiohttp's own exception."""
        raise web.HTTPForbidden
