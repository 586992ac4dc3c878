"""A bound operation, ready to be served: what discovery hands to the web."""

from dataclasses import dataclass

from pi_server.domain.envelope import EnvelopeName
from pi_server.domain.operation import Operation
from pi_server.domain.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One operation of one service instance with its settings.

    ``root`` is that of the plugin it belongs to; ``timeout`` bounds the whole call, in seconds; ``realm`` is whose
    sessions and tokens it takes.
    """

    service: Service
    operation: Operation
    root: str
    chain: str
    realm: str
    timeout: float
    envelope: EnvelopeName
