"""The chain as a good FastAPI application has it: pure-ASGI middlewares, no ``BaseHTTPMiddleware``, on uvicorn.

The session middleware is Starlette's in shape, and with Fernet instead of a signature: it opens the cookie before the
application is called and sets it again when the session was changed.
"""

import json
import time
from http.cookies import SimpleCookie
from typing import Any

import uvicorn
from cryptography.fernet import Fernet, InvalidToken
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.credentials import USER
from benchmarks.order import SESSION, Enveloped, Order, Placed, Pong
from benchmarks.peers import door, market


class Told:
    """Takes or makes the correlation id and answers with it; one access line for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 499
        correlation = market.correlation_id(Headers(scope=scope))
        state = scope.setdefault("state", {})
        state["correlation_id"], state["consumer"] = correlation, "-"

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["activityid"] = correlation
            await send(message)

        try:
            await self._app(scope, receive, with_id)
        finally:
            seconds, source = time.perf_counter() - start, scope["client"][0] if scope["client"] else ""
            query = scope["query_string"].decode("latin-1")
            target = f"{scope['path']}?{query}" if query else scope["path"]
            market.tell_access(status, seconds, source, scope["method"], target, correlation, state["consumer"])


class Recovered:
    """Every failure becomes an envelope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            if not isinstance(error, market.Failure):
                market.errors.exception("%s failed", scope["path"])
                error = market.Failure(*market.INTERNAL)
            body = error.body(scope["state"]["correlation_id"])
            await JSONResponse(body, status_code=error.status)(scope, receive, send)


class Sealed:
    """The session in a cookie of Fernet."""

    def __init__(self, app: ASGIApp, sealer: Fernet) -> None:
        self._app = app
        self._sealer = sealer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["session"] = session = self._opened(scope)
        before = dict(session)

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and session != before:
                MutableHeaders(scope=message).append("Set-Cookie", self._closed(session))
            await send(message)

        await self._app(scope, receive, with_cookie)

    def _opened(self, scope: Scope) -> dict[str, Any]:
        shown = cookie_parser(Headers(scope=scope).get("cookie", "")).get(door.COOKIE)
        if shown is None:
            return {}
        try:
            found: dict[str, Any] = json.loads(self._sealer.decrypt(shown.encode(), ttl=door.LIFETIME))
        except InvalidToken:
            return {}
        return found

    def _closed(self, session: dict[str, Any]) -> str:
        cookie = SimpleCookie({door.COOKIE: self._sealer.encrypt(json.dumps(session).encode()).decode()})
        cookie[door.COOKIE].update({"httponly": "1", "samesite": "lax", "path": "/", "max-age": f"{door.LIFETIME}"})
        return cookie[door.COOKIE].OutputString()


class Authenticated:
    """Lets in whoever shows a good token, where one is needed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] in door.GUARDED:
            scope["state"]["consumer"] = door.claims(Headers(scope=scope).get("authorization"))["sub"]
        await self._app(scope, receive, send)


async def login(request: Request) -> Enveloped[Pong]:
    """Open a session."""
    request.session.update({"user": USER, **SESSION})
    return Enveloped(data=Pong(user=USER), correlationId=request.state.correlation_id)


async def pong(request: Request) -> Enveloped[Pong]:
    """Say who calls."""
    return Enveloped(data=Pong(user=request.state.consumer), correlationId=request.state.correlation_id)


async def session(request: Request) -> Enveloped[Pong]:
    """Say whose the session is."""
    if "user" not in request.session:
        raise market.Failure(*market.UNAUTHENTICATED)
    return Enveloped(data=Pong(user=request.session["user"]), correlationId=request.state.correlation_id)


async def place(request: Request, order: Order) -> Enveloped[Placed]:
    """Take an order."""
    placed = Placed(reference=order.reference, lines=len(order.lines))
    return Enveloped(data=placed, correlationId=request.state.correlation_id)


async def invalid(request: Request, _: Exception) -> JSONResponse:
    """An input that does not fit."""
    failure = market.Failure(*market.INVALID)
    return JSONResponse(failure.body(request.state.correlation_id), status_code=failure.status)


def application(*, whole: bool) -> FastAPI:
    """The application: behind the whole chain, or behind the links that always stand."""
    links = [Middleware(Told), Middleware(Recovered)]
    if whole:
        links += [Middleware(Sealed, sealer=door.sealer()), Middleware(Authenticated)]
    app = FastAPI(middleware=links, exception_handlers={RequestValidationError: invalid}, openapi_url=None)
    app.post(f"{door.ROOT}/login")(login)
    app.get(f"{door.ROOT}/pong")(pong)
    app.get(f"{door.ROOT}/session")(session)
    app.post(f"{door.ROOT}/orders")(place)
    return app


def main() -> None:
    """Serve until stopped."""
    port, whole = door.asked()
    uvicorn.run(
        application(whole=whole),
        host="127.0.0.1",
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
