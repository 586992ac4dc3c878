"""Who calls."""

from dataclasses import dataclass, field
from typing import Literal

ConsumerKind = Literal["anonymous", "token", "jwt", "session"]

EVERYWHERE = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Consumer:
    """An identified caller of an operation.

    ``name`` is the one the operator gave it, or the user's; ``scopes`` is what it may do (``"*"`` is everything);
    ``kind`` is how it proved who it is; ``reach`` are the services (``billing``) and operations (``billing.pay``) its
    credential is good for; ``realm`` is where it was signed in, empty for a service token; ``sign_in`` is the id of the
    session or JWT it showed, which proves nothing by itself.
    """

    name: str = ""
    scopes: frozenset[str] = frozenset()
    kind: ConsumerKind = "anonymous"
    reach: frozenset[str] = EVERYWHERE
    realm: str = ""
    sign_in: str = field(default="", compare=False)  # whoever signs in twice is the same consumer

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody has proved to be anyone."""
        return self.kind == "anonymous"

    def may(self, scope: str | None) -> bool:
        """Whether this consumer holds ``scope``; no scope asked is always held."""
        return scope is None or scope in self.scopes or "*" in self.scopes

    def reaches(self, service: str, operation: str) -> bool:
        """Whether its credential is good for ``operation`` (its full name, ``service.name``)."""
        return self.reach is EVERYWHERE or not self.reach.isdisjoint((service, operation, "*"))


ANONYMOUS = Consumer()
