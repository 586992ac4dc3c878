"""A shop whose operations must happen only once, on a real server with its keys in SQLite."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from pi_server import Call, Fault, Reply, Service, post, put
from pi_server.auth.service_tokens import digest
from pi_server.middlewares import Handler
from pi_server.testing import Served, serve

if TYPE_CHECKING:
    from aiohttp import web

OTHER = "another consumer's token of the tests"


class Order(BaseModel):
    """What is ordered."""

    item: str
    count: int = 1


class Receipt(BaseModel):
    """How often anything was done before, and under which reference."""

    number: int
    reference: str


@dataclass
class Book:
    """What happened, and what shall."""

    done: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    held: bool = False
    raises: BaseException | None = None
    tells: Any = None


def door(handler: Handler) -> Handler:
    """A link of the service that can be closed."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if "x-closed" in request.headers:
            raise Fault("closed", 403)
        response = await handler(request)
        response.headers["x-passed"] = "yes"
        return response

    return handle


class Shop(Service):
    """Notes what it did, and fails as it is told."""

    root = "/shop"
    middlewares = (door,)
    book: Book

    async def _do(self, call: Call, order: Order) -> Receipt:
        self.book.done.append(order.item)
        await asyncio.sleep(self.book.seconds)
        while self.book.held:
            await asyncio.sleep(0.01)
        if self.book.raises:
            raise self.book.raises
        return Receipt(number=len(self.book.done), reference=call.reference)

    @post("/buy", once=True, scope="shop.buy")
    async def buy(self, call: Call, order: Order) -> Receipt:
        """Guarded where there is a key."""
        return await self._do(call, order)

    @put("/only/{item}", once="required", timeout=0.5, status=201)
    async def only(self, call: Call, item: str) -> Reply[Receipt]:
        """Never without a key, and not for long."""
        return Reply(await self._do(call, Order(item=item)), status=201, headers={"Location": f"/shop/{item}"})

    @post("/lost", once=True, enquire="was_bought")
    async def lost(self, call: Call, order: Order) -> Receipt:
        """Can be asked for."""
        return await self._do(call, order)

    async def was_bought(self, call: Call, order: Order) -> Receipt | None:
        """As the book tells."""
        self.book.asked.append(call.reference)
        if isinstance(self.book.tells, BaseException):
            raise self.book.tells
        return Receipt(number=0, reference=call.reference) if self.book.tells else None

    @post("/forget", once=True, status=204)
    async def forget(self, call: Call) -> None:
        """Answer nothing."""
        self.book.done.append("nothing")


@dataclass(frozen=True)
class Counter:
    """The shop on its server."""

    server: Served
    book: Book

    async def ask(
        self, path: str = "/buy", key: str | None = "k", json: Any = None, verb: str = "POST", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        sent = {**self.server.headers, **headers, **({} if key is None else {"Idempotency-Key": key})}
        body = {"item": "tea"} if json is None else json
        async with self.server.session.request(verb, f"/shop{path}", json=body, headers=sent) as response:
            return response.status, dict(response.headers), await response.read()

    async def code(self, *given: Any, **named: Any) -> tuple[int, str]:
        """Status and code of a fault."""
        status, _, body = await self.ask(*given, **named)
        found = re.search(rb'"code":"(\w+)"', body)
        return status, found[1].decode() if found else ""


@asynccontextmanager
async def shopping(folder: Path | None = None, **config: Any) -> AsyncGenerator[Counter]:
    """Serve the shop, also to another consumer."""
    book = Book()
    config["tokens"] = {"other": {"sha256": digest(OTHER), "scopes": ["shop.buy"]}}
    async with serve(Shop(book=book), config=config, directory=folder) as server:
        yield Counter(server, book)
