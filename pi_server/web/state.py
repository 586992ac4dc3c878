"""What the links of the inbound chain leave on a request for those further in."""

from aiohttp import web

from pi_server.domain.call import Call
from pi_server.domain.faults import Fault

CALL: web.RequestKey[Call] = web.RequestKey("call", Call)
"""The call as known so far: the correlation link puts it, an authentication link replaces it."""

FAULT: web.RequestKey[Fault] = web.RequestKey("fault", Fault)
"""What the consumer was told went wrong, for the access log."""
