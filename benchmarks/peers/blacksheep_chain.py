"""The chain as a good BlackSheep application has it: its own JWT authentication and sessions, on uvicorn.

Its session middleware opens the cookie of each request; the store here is its own interface with Fernet inside.
"""

import json
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import uvicorn
from blacksheep import Application, Content, Cookie, Request, Response
from blacksheep.exceptions import HTTPException
from blacksheep.middlewares import MiddlewareCategory
from blacksheep.server.authentication.jwt import JWTBearerAuthentication
from blacksheep.server.authorization import auth
from blacksheep.server.bindings import InvalidRequestBody
from blacksheep.server.responses import json as json_response
from blacksheep.sessions.abc import Session, SessionStore
from cryptography.fernet import Fernet, InvalidToken
from essentials.secrets import Secret
from guardpost import Identity, UnauthorizedError
from pydantic import BaseModel, ValidationError

from benchmarks.credentials import ISSUER, KEY, REALM, USER
from benchmarks.order import SESSION, Enveloped, Order, Placed, Pong
from benchmarks.peers import door, market

Next = Callable[[Request], Awaitable[Response]]

CORRELATION: ContextVar[str] = ContextVar("correlation")


async def told(request: Request, handler: Next) -> Response:
    """Take or make the correlation id and answer with it; one access line for each request."""
    start, status = time.perf_counter(), 499
    correlation = market.correlation_id(_Headers(request))
    CORRELATION.set(correlation)
    try:
        response = await handler(request)
        status = response.status
        response.set_header(b"activityid", correlation.encode())
        return response
    finally:
        market.tell_access(
            status,
            time.perf_counter() - start,
            request.client_ip,
            request.method,
            request.url.value.decode(),
            correlation,
            _consumer(request),
        )


async def recovered(request: Request, handler: Next) -> Response:
    """Every failure becomes an envelope."""
    try:
        return await handler(request)
    except market.Failure as failure:
        told_failure = failure
    except UnauthorizedError:
        told_failure = market.Failure(*market.UNAUTHENTICATED)
    except (InvalidRequestBody, ValidationError):
        told_failure = market.Failure(*market.INVALID)
    except HTTPException as error:
        told_failure = market.Failure(error.status, "http", str(error))
    except Exception:  # noqa: BLE001 - whatever it is, the consumer gets an envelope
        market.errors.exception("%s failed", request.url.path.decode())
        told_failure = market.Failure(*market.INTERNAL)
    return json_response(told_failure.body(CORRELATION.get()), told_failure.status)


class SealedSessions(SessionStore):
    """The session in a cookie of Fernet."""

    def __init__(self, sealer: Fernet) -> None:
        self._sealer = sealer

    async def load(self, request: Request) -> Session:
        """What the cookie holds."""
        shown = request.cookies.get(door.COOKIE)
        if shown is None:
            return Session()
        try:
            return Session(json.loads(self._sealer.decrypt(shown.encode(), ttl=door.LIFETIME)))
        except InvalidToken:
            return Session()

    async def save(self, request: Request, response: Response, session: Session) -> None:
        """Set the cookie."""
        value = self._sealer.encrypt(json.dumps(session.to_dict()).encode()).decode()
        response.set_cookie(Cookie(door.COOKIE, value, path="/", http_only=True, max_age=door.LIFETIME))


class _Headers(dict[str, str]):
    """The correlation headers of a request."""

    def __init__(self, request: Request) -> None:
        shown = ((name, request.get_first_header(name.encode())) for name in market.CORRELATION_HEADERS)
        super().__init__((name, value.decode("latin-1")) for name, value in shown if value is not None)


def _consumer(request: Request) -> str:
    user: Identity | None = request.user
    return str(user.claims["sub"]) if user and user.claims else "-"


def answer(data: BaseModel) -> Response:
    """An answer in its envelope."""
    body = Enveloped(data=data, correlationId=CORRELATION.get()).model_dump_json()
    return Response(200, None, Content(b"application/json", body.encode()))


async def login(request: Request) -> Response:
    """Open a session."""
    request.session.update({"user": USER, **SESSION})
    return answer(Pong(user=USER))


@auth()
async def pong(request: Request) -> Response:
    """Say who calls."""
    return answer(Pong(user=_consumer(request)))


@auth()
async def session(request: Request) -> Response:
    """Say whose the session is."""
    if "user" not in request.session:
        raise market.Failure(*market.UNAUTHENTICATED)
    return answer(Pong(user=request.session["user"]))


async def place(order: Order) -> Response:
    """Take an order."""
    return answer(Placed(reference=order.reference, lines=len(order.lines)))


def application(*, whole: bool) -> Application:
    """The application: behind the whole chain, or behind the links that always stand."""
    app = Application()
    app.middlewares.append(told, MiddlewareCategory.INIT, 0)
    app.middlewares.append(recovered, MiddlewareCategory.INIT, 1)
    if whole:
        app.use_sessions(SealedSessions(door.sealer()))
        secret = Secret.from_plain_text(KEY)
        app.use_authentication().add(
            JWTBearerAuthentication(valid_audiences=[REALM], valid_issuers=[ISSUER], secret_key=secret)
        )
        app.use_authorization()
    app.router.add_post(f"{door.ROOT}/login", login)
    app.router.add_get(f"{door.ROOT}/pong", pong)
    app.router.add_get(f"{door.ROOT}/session", session)
    app.router.add_post(f"{door.ROOT}/orders", place)
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
