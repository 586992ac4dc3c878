"""What stands around the operations that are pages, and before those that share a verb and path with one."""

from collections.abc import Callable
from urllib.parse import quote

from aiohttp import hdrs, web

from pi_server.domain.faults import Fault
from pi_server.web.endpoint import Handler
from pi_server.web.form_body import FORM
from pi_server.web.middleware.csrf import CSRF_FIELD
from pi_server.web.negotiate import media_type, prefers_html
from pi_server.web.state import FAULT, FORM_TOKEN
from pi_server.web.vary import vary_by

_READING = frozenset({"GET", "HEAD"})


def to_sign_in(page: str) -> Callable[[Handler], Handler]:
    """Send a browser that shows no valid credential to ``page``, with the way back where it only wanted to read."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except Fault as fault:
                if fault.status != 401 or request.path.rstrip("/") == page.rstrip("/"):
                    raise  # from the page itself it would be sent round and round
                request[FAULT] = fault
            asked = quote(request.rel_url.raw_path_qs, safe="/")
            back = f"?next={asked}" if request.method in _READING else ""
            return web.Response(status=303, headers={hdrs.LOCATION: page + back})

        return handle

    return link


def without_form_token(handler: Handler) -> Handler:
    """Take the CSRF token out of a form also where no link of the chain asks for it: the page carries it anyway."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request[FORM_TOKEN] = CSRF_FIELD
        return await handler(request)

    return handle


def page_or(page: Handler, other: Handler) -> Handler:
    """Of two operations at one verb and path: forms go to the page; without a body, so does who prefers HTML."""

    async def choose(request: web.Request) -> web.StreamResponse:
        if request.body_exists:
            form = media_type(request.headers.get(hdrs.CONTENT_TYPE, "")) == FORM
            return await (page if form else other)(request)
        response = await (page if prefers_html(request.headers.get(hdrs.ACCEPT, "")) else other)(request)
        vary_by(response, hdrs.ACCEPT)
        return response

    return choose
