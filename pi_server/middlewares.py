"""For packages that offer a middleware: a link of the inbound chain, named in ``chains`` and set up in ``middlewares``.

A link takes the next handler and returns a handler: ``link(next) -> handler``.  It may answer by itself, raise a
`pi_server.Fault`, or let the request pass; it always stands behind the server's own links, so its consumer is known,
its failures are told like any other, and nothing it does skips the logs.
"""

from collections.abc import Callable
from dataclasses import replace

from aiohttp import web

from pi_server.domain.call import Call
from pi_server.web.endpoint import Handler
from pi_server.web.state import CALL, CONSUMER

__all__ = ["Handler", "Link", "call_of"]

Link = Callable[[Handler], Handler]


def call_of(request: web.Request) -> Call:
    """The call a request is: its correlation id, the address it came from, and its consumer."""
    call = request[CALL]
    consumer = request.get(CONSUMER)
    return call if consumer is None else replace(call, consumer=consumer)
