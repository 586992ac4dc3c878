"""Lets in whoever shows exactly one valid credential of the kinds a chain names."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web
from multidict import istr

from pi_server.domain.consumer import Consumer, ConsumerKind
from pi_server.domain.faults import TwoCredentials, Unauthenticated
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.token import TOKEN_HEADER, Identify
from pi_server.web.state import CONSUMER

_TOKEN = istr(TOKEN_HEADER)


@dataclass(frozen=True, slots=True)
class Credential:
    """One kind of credential.

    ``present`` tells without opening anything whether a request shows one.  ``authenticate`` says whose it is, at once
    or to be awaited; it raises `Unauthenticated` also for a request that shows none.  ``challenge`` is what the answer
    401 asks for (``WWW-Authenticate``) where the fault does not say more.
    """

    kind: ConsumerKind
    present: Callable[[web.Request], bool]
    authenticate: Callable[[web.Request], Consumer | Awaitable[Consumer]]
    challenge: str


def credentials(*kinds: Credential) -> Callable[[Handler], Handler]:
    """Authenticate by the one kind a request shows: none is `Unauthenticated`, two are `TwoCredentials`.

    Raises:
        ValueError: no kind at all, or one of them twice.
    """
    if not kinds or len({kind.kind for kind in kinds}) < len(kinds):
        raise ValueError("a chain needs one or several different kinds of credentials")
    choose = _only(kinds[0]) if len(kinds) == 1 else _one_of(kinds)

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            kind = choose(request)
            try:
                found = kind.authenticate(request)
                consumer = found if isinstance(found, Consumer) else await found
            except Unauthenticated as fault:
                fault.headers.setdefault(hdrs.WWW_AUTHENTICATE, kind.challenge)
                raise
            request[CONSUMER] = consumer
            return await handler(request)

        return handle

    link.__qualname__ = "|".join(kind.kind for kind in kinds)  # as chains are shown to an operator
    return link


def token_credential(identify: Identify) -> Credential:
    """The service token of the header ``x-srv-token``."""

    def present(request: web.Request) -> bool:
        return _TOKEN in request.headers

    def authenticate(request: web.Request) -> Consumer | Awaitable[Consumer]:
        shown = request.headers.getall(_TOKEN, ())
        if len(shown) != 1:
            raise Unauthenticated(reason=f"{len(shown) or 'no'} headers {TOKEN_HEADER}")
        return identify(shown[0])

    return Credential("token", present, authenticate, TOKEN_HEADER)


def _only(kind: Credential) -> Callable[[web.Request], Credential]:
    return lambda _: kind


def _one_of(kinds: tuple[Credential, ...]) -> Callable[[web.Request], Credential]:
    challenges = ", ".join(kind.challenge for kind in kinds)
    names = ", ".join(kind.kind for kind in kinds)

    def choose(request: web.Request) -> Credential:
        shown = [kind for kind in kinds if kind.present(request)]
        if len(shown) == 1:
            return shown[0]
        if not shown:
            raise Unauthenticated(headers={hdrs.WWW_AUTHENTICATE: challenges}, reason=f"none of {names} was shown")
        raise TwoCredentials(reason=f"shown: {', '.join(kind.kind for kind in shown)}")

    return choose
