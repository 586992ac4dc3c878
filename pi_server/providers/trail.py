"""Counts for a call that must happen only once what may have changed something at a provider."""

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.domain.trail import current_trail


def trail(send: Send) -> Send:
    """Count each try before it begins; take back those of which it is certain that nothing left.

    What is repeatable is harmless.
    """

    async def counted(exchange: Exchange) -> WireResponse:
        followed = current_trail.get()
        if followed is None:
            return await send(exchange)
        followed.sends(harmless=exchange.repeatable)
        try:
            return await send(exchange)
        except ProviderFault as fault:
            if not fault.sent and not exchange.repeatable:
                followed.kept_back()
            raise

    return counted
