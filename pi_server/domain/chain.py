"""An immutable onion of links, used inbound and outbound.

A link takes the next handler and returns a handler: ``link(next) -> handler``.  The laws, proved in ``tests/laws``:

    Chain().then(h)                  is  h                     (identity)
    Chain(a, b, c).then(h)           is  a(b(c(h)))            (order)
    Chain(a).append(b, c)            =   Chain(a, b, c)        (append)
    x.extend(y).extend(z)            =   x.extend(y.extend(z)) (associativity)

``append`` and ``extend`` return a new chain and leave the old one as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

H = TypeVar("H")


@dataclass(frozen=True, init=False)
class Chain(Generic[H]):
    """Links in the order a request meets them."""

    links: tuple[Callable[[H], H], ...]

    def __init__(self, *links: Callable[[H], H]) -> None:
        """Keep ``links``, outermost first."""
        object.__setattr__(self, "links", links)

    def append(self, *links: Callable[[H], H]) -> "Chain[H]":
        """A chain with ``links`` inside this one."""
        return Chain(*self.links, *links)

    def extend(self, inner: "Chain[H]") -> "Chain[H]":
        """A chain with all links of ``inner`` inside this one."""
        return Chain(*self.links, *inner.links)

    def then(self, handler: H) -> H:
        """Compose once, so that a request never walks a list.

        Raises:
            TypeError: a link gives nothing that can be called.
        """
        return reduce(_linked, reversed(self.links), handler)


def _linked(inner: H, link: Callable[[H], H]) -> H:
    handler = link(inner)
    if not callable(handler):
        raise TypeError(f"the link {getattr(link, '__qualname__', link)} gave no handler")
    return handler
