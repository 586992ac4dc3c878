"""What the links of the inbound chain leave on a request for those further in."""

from aiohttp import web

from pi_server.domain.call import Call
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Fault

CALL: web.RequestKey[Call] = web.RequestKey("call", Call)
"""The call as it began, with its correlation id and source; the endpoint completes it."""

CONSUMER: web.RequestKey[Consumer] = web.RequestKey("consumer", Consumer)
"""Who an authentication link found out to be calling."""

FAULT: web.RequestKey[Fault | None] = web.RequestKey("fault")
"""What the consumer was told went wrong, for the access log; None before that.

The link that will ask leaves the None: looking for what is not there raises inside aiohttp, and costs several times as
much.
"""

REFUSAL: web.RequestKey[Fault] = web.RequestKey("refusal", Fault)
"""Why no operation serves the request: found out by routing, raised inside the chain."""

FORM_TOKEN: web.RequestKey[str] = web.RequestKey("form_token", str)
"""The field of a form in which a page may prove where it comes from; it is the chain's, not the operation's."""
