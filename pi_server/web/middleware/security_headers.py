"""Headers that keep a browser from making more of an answer than it is."""

from collections.abc import Callable

from aiohttp import web
from multidict import CIMultiDict

from pi_server.web.endpoint import Handler

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_BEHIND_TLS = {"Strict-Transport-Security": "max-age=31536000"}


def security_headers(secure: bool) -> Callable[[Handler], Handler]:
    """Add those an answer does not have of its own; ``secure`` is whether consumers come by https."""
    fixed = CIMultiDict({**_ALWAYS, **(_BEHIND_TLS if secure else {})})

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            if not response.prepared:
                response.headers.merge(fixed)  # one step, and an answer's own value wins
            return response

        return handle

    return link
