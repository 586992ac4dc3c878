"""The middleware: its keyword-only parameters are its settings."""

from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

from pi_server import Fault
from pi_server.middlewares import Handler, Link, call_of


def network_list(*, allow: tuple[IPv4Network | IPv6Network, ...]) -> Link:
    """Let in only consumers whose address lies in one of ``allow``."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            source = call_of(request).source
            if not _lies_in(source, allow):
                raise Fault("foreign_network", 403, "This network may not use the operation.", reason=f"from {source}")
            return await handler(request)

        return handle

    return link


def _lies_in(source: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(source)
    except ValueError:  # no address at all, as from a Unix socket
        return False
    return any(address in network for network in networks)
