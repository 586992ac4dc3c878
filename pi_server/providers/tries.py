"""What comes of a try, and whether another may follow it."""

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault, Refused
from pi_server.domain.message import WireResponse

Outcome = WireResponse | ProviderFault


async def outcome_of(send: Send, exchange: Exchange) -> Outcome:
    """Try, and give back a fault instead of raising it."""
    try:
        return await send(exchange)
    except ProviderFault as fault:
        return fault


def answer_of(outcome: Outcome) -> WireResponse:
    """The answer; raises the fault that stands in its place."""
    if isinstance(outcome, ProviderFault):
        raise outcome
    return outcome


def told(outcome: Outcome) -> str:
    """In words for operators."""
    return str(outcome) if isinstance(outcome, ProviderFault) else f"status {outcome.status}"


def may_follow(exchange: Exchange, outcome: Outcome, statuses: frozenset[int]) -> bool:
    """Whether the exchange may be tried again after this outcome.

    What has left is sent again only when it is repeatable: nobody can tell whether the provider has acted on it.
    """
    if not isinstance(outcome, ProviderFault):
        return exchange.repeatable and outcome.status in statuses
    if not outcome.sent:
        return not isinstance(outcome, Refused)
    return exchange.repeatable and outcome.kind in ("unreachable", "timeout")
