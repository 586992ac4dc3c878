"""The connections of one worker: how many there may be, how long they may take, and what became of them."""

import resource
import sys
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Literal

Refusal = Literal["worker", "address", "files"]
"""Why a connection was not taken: the worker has its most, the address has its most, files are running out."""

Overdue = Literal["head", "write", "untaken"]
"""What took too long: headers to be complete, an answer to be taken, or that while others took theirs as slowly."""

LOOPBACK = ("127.0.0.0/8", "::1/128")

_RESERVE = 64
"""Files that are kept for logs, stores and providers, unless that would be more than a quarter of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What one connection may cost, and how many there may be; times in seconds, sizes in bytes.

    ``proxies`` are networks whose addresses stand for many consumers.
    """

    worker: int = 5000
    address: int = 100
    proxies: tuple[str, ...] = LOOPBACK
    head: float = 10.0
    write: float = 15.0
    untaken: int = 32 * 1024 * 1024
    headers: int = 16 * 1024
    fields: int = 64
    line: int = 8 * 1024
    chunks: int = 4 * 1024
    pipelined: int = 16


class Connections:
    """Counts the connections of one worker, and says which of them there is room for.

    ``refused`` and ``timed_out`` count by reason since the start, ``vanished`` those whose consumer went away before
    its answer was complete; ``last`` is the address that something was counted for last.
    """

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        """Begin with none."""
        self.limits = limits or ConnectionLimits()
        self.open = 0
        self.refused: Counter[Refusal] = Counter()
        self.timed_out: Counter[Overdue] = Counter()
        self.vanished = 0
        self.last = ""
        self._sources: Counter[str] = Counter()
        self._proxies = tuple(map(ip_network, self.limits.proxies))

    def admit(self, address: str, file: int) -> Refusal | None:
        """Count in a connection from ``address`` with the file number ``file``, or say why there is no room for it.

        The system gives the lowest number that is free, so a high one says how many are taken.  A connection without
        an address, as at a unix socket, is one of its proxy.
        """
        why: Refusal
        source = _source(address)
        if self.open >= self.limits.worker:
            why = "worker"
        elif file >= _files_for_all():
            why = "files"
        elif address and self._sources[source] >= self.limits.address and not self._is_proxy(address):
            why = "address"
        else:
            self.open += 1
            self._sources[source] += 1
            return None
        self.refused[why] += 1
        self.last = address
        return why

    def leave(self, address: str, *, vanished: bool) -> None:
        """Count out a connection that was admitted; ``vanished`` when its consumer did not wait for its answer."""
        source = _source(address)
        self.open -= 1
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]
        if vanished:
            self.vanished += 1
            self.last = address

    def late(self, what: Overdue, address: str) -> None:
        """Count a connection that took too long."""
        self.timed_out[what] += 1
        self.last = address

    def _is_proxy(self, address: str) -> bool:
        known = ip_address(address)
        known = (known.ipv4_mapped or known) if isinstance(known, IPv6Address) else known
        return any(known in network for network in self._proxies)


def _files_for_all() -> int:
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = sys.maxsize if most == resource.RLIM_INFINITY else most
    return most - min(_RESERVE, most // 4)


def _source(address: str) -> str:
    """Whom an address belongs to: whoever has one of IPv6 has its whole network of 64 bits."""
    if ":" not in address:
        return address
    known = IPv6Address(address)
    return str(known.ipv4_mapped or (int(known) >> 64))
