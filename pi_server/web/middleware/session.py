"""Sessions in the chain: the cookie on the answer, and the credential of a consumer that is signed in."""

from collections.abc import Callable

from aiohttp import web

from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Unauthenticated
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.credentials import Credential
from pi_server.web.sessions.cookies import cookies_named
from pi_server.web.sessions.request_sessions import SERVED
from pi_server.web.sessions.storage import SESSION, SessionStorage


def session_cookie(storage: SessionStorage) -> Callable[[Handler], Handler]:
    """Set the cookie of a session that was opened, changed, renewed or closed; one nobody asked for costs nothing.

    It stands directly outside recovery, so that it meets the answer that is sent, also where that tells of a fault: an
    operation that signed somebody out and failed later has signed them out.
    """

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            SERVED.set(request)
            request[SESSION] = None
            response = await handler(request)
            session = request.get(SESSION)
            if session is not None:
                await storage.save_session(request, response, session)
            return response

        return handle

    return link


def session_credential(storage: SessionStorage, realm: str) -> Credential:
    """A session of ``realm``; that of another is as good as none."""
    name = storage.cookie_name

    def present(request: web.Request) -> bool:
        return bool(cookies_named(request, name))

    async def authenticate(request: web.Request) -> Consumer:
        record = (await storage.of(request)).record
        if record is None:
            raise Unauthenticated(reason="no valid session")
        if record.realm != realm:
            raise Unauthenticated(reason=f"a session of the realm {record.realm}")
        return Consumer(record.user, record.scopes, "session", realm=realm, sign_in=record.id)

    return Credential("session", present, authenticate, "session")
