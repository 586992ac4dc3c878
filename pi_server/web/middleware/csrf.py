"""Refuses what a page of another site asks in the name of a signed-in consumer.

A browser sends cookies along with whatever any page asks.  So a request that may change something, and proves who
asks by a cookie, must come from a page of this origin (``Origin``, ``Sec-Fetch-Site``) and carry the token only such a
page can read: in the header ``x-csrf-token`` or, of an urlencoded form, in the field ``csrf_token``.  Pages find it in
the cookie that is named like the session's with ``-csrf`` behind; those that the server renders have it in their forms.
A credential in a header needs neither: no browser adds one by itself.  Where nobody is signed in, as at a sign-in, the
origin alone counts, so that no other site can sign people in.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl

from aiohttp import hdrs, web
from multidict import istr

from pi_server.domain.call import Call
from pi_server.domain.consumer import ANONYMOUS, Consumer
from pi_server.domain.faults import CrossSite
from pi_server.web.body import EarlyBody, Patience
from pi_server.web.endpoint import Handler
from pi_server.web.form_body import FORM, MAX_FIELDS
from pi_server.web.middleware.jwt import bearer_tokens
from pi_server.web.sessions.csrf_tokens import FormToken, by_session
from pi_server.web.sessions.request_sessions import SERVED
from pi_server.web.sessions.storage import SESSION, SessionStorage
from pi_server.web.state import CONSUMER, FORM_TOKEN

CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf_token"

_PATIENCE = Patience()
_HEADER = istr(CSRF_HEADER)
_SITE = istr("Sec-Fetch-Site")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def csrf(storage: SessionStorage, realm: str, patience: Patience = _PATIENCE) -> Callable[[Handler], Handler]:
    """Guard operations of ``realm``; inside the credentials, which say how the consumer proved who it is."""
    guard = _Guard(storage, realm, patience)

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            consumer = request.get(CONSUMER, ANONYMOUS)
            if _by_header(request, consumer):
                return await handler(request)
            if request.method not in _SAFE:
                await guard.check(request, consumer)
                request[FORM_TOKEN] = CSRF_FIELD
                return await handler(request)
            response = await handler(request)
            guard.offer(request, response, consumer)
            return response

        return handle

    return link


def form_token(storage: SessionStorage, realm: str) -> FormToken:
    """Makes tokens for the forms of pages of ``realm``: for who is signed in when the page is answered."""
    guard = _Guard(storage, realm, _PATIENCE)

    async def token(call: Call) -> str:
        request = SERVED.get()
        return "" if _by_header(request, call.consumer) else await guard.token(request, call.consumer)

    return token


class _Guard:
    """What must be shown, and what is handed out, where a browser may have sent the credential by itself."""

    def __init__(self, storage: SessionStorage, realm: str, patience: Patience) -> None:
        self._storage = storage
        self._early = EarlyBody(patience)
        self._realm = realm
        self._tokens = storage.rules.csrf
        self._scheme = "https" if storage.rules.cookie.secure else "http"

    async def check(self, request: web.Request, consumer: Consumer) -> None:
        """`CrossSite` unless a page of this site asks."""
        if reason := _foreign(request, self._scheme):
            raise CrossSite(reason=reason)
        sign_in = await self._sign_in(request, consumer)
        if sign_in is not None and not self._tokens.good(await _shown_token(request, self._early), sign_in):
            raise CrossSite(reason="without the CSRF token of this sign-in")

    def offer(self, request: web.Request, response: web.StreamResponse, consumer: Consumer) -> None:
        """Hand a page its token where the session's cookie has not brought one."""
        if response.prepared:
            return
        token, session = self._tokens.cookie.shown(request), request.get(SESSION)
        if consumer.kind == "jwt" and not self._tokens.good(token, _by_jwt(consumer)):
            self._tokens.give(response, _by_jwt(consumer))
        elif consumer.kind == "session" and token is None and session is not None and session.record:
            self._tokens.give(response, by_session(session.record))

    async def token(self, request: web.Request, consumer: Consumer) -> str:
        """A token that `check` takes; empty where it asks for none."""
        sign_in = await self._sign_in(request, consumer)
        return "" if sign_in is None else self._tokens.seal(sign_in)

    async def _sign_in(self, request: web.Request, consumer: Consumer) -> str | None:
        """What the token must have been sealed for; None where nobody is signed in."""
        if consumer.kind == "jwt":
            return _by_jwt(consumer)
        record = (await self._storage.of(request)).record  # also behind no credential: the operation may ask for it too
        return by_session(record) if record is not None and record.realm == self._realm else None


def _by_header(request: web.Request, consumer: Consumer) -> bool:
    """Whether the consumer proved who it is by a header, which no page of another site can have sent."""
    return consumer.kind == "token" or (consumer.kind == "jwt" and bool(bearer_tokens(request)))


def _by_jwt(consumer: Consumer) -> str:
    """The sign-in of a token in a cookie: of its user, because the token itself is another every few minutes."""
    return f"jwt/{consumer.realm}/{consumer.name}"


def _foreign(request: web.Request, scheme: str) -> str:
    """Why a request does not come from a page of this origin; empty if it does."""
    origins = request.headers.getall(hdrs.ORIGIN, ())
    sites = request.headers.getall(_SITE, ())
    hosts = request.headers.getall(hdrs.HOST, ())
    if len(origins) > 1 or len(sites) > 1 or len(hosts) != 1:
        return "Origin, Sec-Fetch-Site or Host given twice"
    if sites and sites[0] != "same-origin":
        return f"Sec-Fetch-Site is {_told(sites[0])}"
    if sites and origins == ["null"]:
        return ""  # so browsers hide the origin of a form on a page whose referrer policy is no-referrer
    if not sites and not origins:
        return "neither Origin nor Sec-Fetch-Site"
    if origins and _bare(origins[0], scheme) != _bare(f"{scheme}://{hosts[0]}", scheme):
        return f"Origin is {_told(origins[0])}"
    return ""


def _bare(origin: str, scheme: str) -> str:
    """An origin without the port its scheme has anyway."""
    return origin.lower().removesuffix(":443" if scheme == "https" else ":80")


def _told(value: str) -> str:
    return ascii(value[:100])


async def _shown_token(request: web.Request, early: EarlyBody) -> str | None:
    shown = request.headers.getall(_HEADER, ())
    if shown:
        return shown[0] if len(shown) == 1 else None
    return _token_of_form(await early.read(request)) if request.content_type == FORM else None


def _token_of_form(body: bytes) -> str | None:
    try:
        fields = parse_qsl(body.decode(), max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    tokens = [value for name, value in fields if name == CSRF_FIELD]
    return tokens[0] if len(tokens) == 1 else None
