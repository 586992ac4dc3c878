"""The chain as a good aiohttp application has it: middlewares, aiohttp-session with its encrypted cookie, PyJWT.

aiohttp-session opens a session when a handler asks for it, and so does this.
"""

import json
from typing import TYPE_CHECKING

import uvloop
from aiohttp import web
from aiohttp_session import get_session, new_session, session_middleware
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from pydantic import BaseModel, ValidationError

from benchmarks.credentials import USER
from benchmarks.order import SESSION, Enveloped, Order, Placed, Pong
from benchmarks.peers import door, market
from benchmarks.peers.aiohttp_peer import CONSUMER, CORRELATION, Handler, correlated, recovered, told

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware


@web.middleware
async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in whoever shows a good token, where one is needed."""
    if request.path in door.GUARDED:
        request[CONSUMER] = door.claims(request.headers.get("Authorization"))["sub"]
    return await handler(request)


def answer(request: web.Request, data: BaseModel) -> web.Response:
    """An answer in its envelope."""
    body = Enveloped(data=data, correlationId=request[CORRELATION]).model_dump_json()
    return web.Response(text=body, content_type="application/json")


async def login(request: web.Request) -> web.Response:
    """Open a session."""
    session = await new_session(request)
    session.update({"user": USER, **SESSION})
    return answer(request, Pong(user=USER))


async def pong(request: web.Request) -> web.Response:
    """Say who calls."""
    return answer(request, Pong(user=request[CONSUMER]))


async def session(request: web.Request) -> web.Response:
    """Say whose the session is."""
    opened = await get_session(request)
    if opened.new:
        raise market.Failure(*market.UNAUTHENTICATED)
    return answer(request, Pong(user=opened["user"]))


async def place(request: web.Request) -> web.Response:
    """Take an order."""
    try:
        order = Order.model_validate(await request.json())
    except (ValidationError, json.JSONDecodeError) as error:
        raise market.Failure(*market.INVALID) from error
    return answer(request, Placed(reference=order.reference, lines=len(order.lines)))


def application(*, whole: bool) -> web.Application:
    """The application: behind the whole chain, or behind the links that always stand."""
    links: list[Middleware] = [correlated, told, recovered]
    if whole:
        storage = EncryptedCookieStorage(door.sealer(), cookie_name=door.COOKIE, max_age=door.LIFETIME)
        links += [session_middleware(storage), authenticated]
    app = web.Application(middlewares=links)
    app.router.add_post(f"{door.ROOT}/login", login)
    app.router.add_get(f"{door.ROOT}/pong", pong)
    app.router.add_get(f"{door.ROOT}/session", session)
    app.router.add_post(f"{door.ROOT}/orders", place)
    return app


def main() -> None:
    """Serve until stopped."""
    port, whole = door.asked()
    app = application(whole=whole)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main()
