"""A bound operation, ready to be served: what discovery hands to the web."""

from dataclasses import dataclass

from pi_server.domain.envelope import EnvelopeName
from pi_server.domain.operation import Operation
from pi_server.domain.pages import PageFiles
from pi_server.domain.service import Service
from pi_server.domain.status_map import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One operation of one service instance with its settings.

    ``root`` is that of the plugin it belongs to; ``timeout`` bounds the whole call, in seconds; ``realm`` is whose
    sessions and tokens it takes.  Of a page, ``sign_in_page`` is the whole path where it sends who shows no credential,
    empty for nowhere, and ``files`` are what it is made from.  By ``rules`` the failures of its plugin's providers are
    told.
    """

    service: Service
    operation: Operation
    root: str
    chain: str
    realm: str
    timeout: float
    envelope: EnvelopeName
    sign_in_page: str = ""
    files: PageFiles | None = None
    rules: tuple[Rule, ...] = ()
