"""What a policy decided about an exchange, so that afterwards somebody can tell why a call went as it did."""

from typing import Literal, NamedTuple

Decided = Literal["retry", "failover", "queued", "waited", "refused", "probe", "opened", "closed"]
"""Try again, or at the next endpoint; wait for a slot, or for the quota; do not let it out.

Of a breaker: let one out to see, ask no more, ask again.
"""


class Decision(NamedTuple):
    """One decision: of which policy of which provider it is, and why; without a correlation id where nobody called."""

    provider: str
    decided: Decided
    reason: str
    correlation_id: str = ""


def unnoted(_: Decision) -> None:
    """Where nobody writes them down."""
