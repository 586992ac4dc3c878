"""One try at a provider, with both its legs."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pi_server.domain.call import Call
from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.message import WireRequest, WireResponse


class Endpoint(NamedTuple):
    """A foreign endpoint as logs name it: its address, its own name, and the organisation behind it."""

    address: str
    name: str
    company: str


class Exchange(NamedTuple):
    """A request on its way to a provider: for which call, to which endpoint, until when."""

    call: Call
    endpoint: Endpoint
    request: WireRequest
    deadline: Deadline = NEVER


Send = Callable[[Exchange], Awaitable[WireResponse]]
"""The shape of every outbound link and of the transport: an exchange in, a response out, or `ProviderFault`."""
