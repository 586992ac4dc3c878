"""Who calls."""

from dataclasses import dataclass
from typing import Literal

ConsumerKind = Literal["anonymous", "token"]


@dataclass(frozen=True, slots=True)
class Consumer:
    """An identified caller of an operation.

    ``name`` is the one the operator gave it, ``scopes`` what it may do (``"*"`` is everything) and ``kind`` how it
    proved who it is.
    """

    name: str = ""
    scopes: frozenset[str] = frozenset()
    kind: ConsumerKind = "anonymous"

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody has proved to be anyone."""
        return self.kind == "anonymous"

    def may(self, scope: str | None) -> bool:
        """Whether this consumer holds ``scope``; no scope asked is always held."""
        return scope is None or scope in self.scopes or "*" in self.scopes


ANONYMOUS = Consumer()
