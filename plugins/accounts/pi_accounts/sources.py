"""By which address of the network failures are counted."""

from ipaddress import ip_address, ip_network


def network(source: str) -> str:
    """What failures are counted by: an address of IPv4, or the 64 bits of IPv6 that one household has for itself."""
    try:
        address_ = ip_address(source)
    except ValueError:  # no address at all, as from a Unix socket
        return source
    return str(address_) if address_.version == 4 else str(ip_network((int(address_) >> 64 << 64, 64)))


class Uncounted:
    """`Attempts` that are all granted: by an address that everybody shares nothing can be counted."""

    async def begin(self, key: str) -> bool:
        """Grant it."""
        return True

    async def failed(self, key: str) -> None:
        """Do nothing, as below."""

    async def withdraw(self, key: str) -> None:
        """Do nothing."""

    async def forget(self, key: str) -> None:
        """Do nothing."""
