"""Refuses what goes beyond a rate: of an address, of a consumer, or of an operation."""

from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address
from math import ceil

from aiohttp import web

from pi_server.domain.consumer import ANONYMOUS
from pi_server.domain.faults import TooManyRequests
from pi_server.web.endpoint import Handler
from pi_server.web.state import CALL, CONSUMER

Count = Callable[[str], Awaitable[float]]
"""Counts a call under a key: 0, or the seconds after which it would not be one too many."""

_HOST_BITS = 64  # whoever has one IPv6 address has the whole network of 2**64 around it


def rate_limit(count: Count, key: Callable[[web.Request], str | None]) -> Callable[[Handler], Handler]:
    """Raise `TooManyRequests` with Retry-After for a call too many; one without a key is not counted.

    There are no ``RateLimit`` headers: their draft still changes its syntax, and nobody should build on it.
    """

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            name = key(request)
            if name is not None and (wait := await count(name)):
                raise TooManyRequests(headers={"Retry-After": str(ceil(wait))})
            return await handler(request)

        return handle

    return link


def by_address(request: web.Request) -> str | None:
    """The address a call came from; of IPv6 its network, of which one consumer has all addresses."""
    source = request[CALL].source
    return _network(source) if ":" in source else source or None


def by_consumer(request: web.Request) -> str | None:
    """Who calls; nobody, before or without a credential.  The name stands last, so no name can be another's key."""
    consumer = request.get(CONSUMER, ANONYMOUS)
    return None if consumer.is_anonymous else f"{consumer.kind}\0{consumer.realm}\0{consumer.name}"


def by_operation(service: str, operation: str) -> Callable[[web.Request], str | None]:
    """One operation, whoever calls it; its link stands in the chain of that operation only."""
    name = f"{service}.{operation}"
    return lambda _: name


def _network(source: str) -> str:
    try:
        address = IPv6Address(source)
    except ValueError:
        return source
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else f"{int(address) >> _HOST_BITS:x}::/{_HOST_BITS}"
