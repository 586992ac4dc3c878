"""The outbound link that counts each exchange and measures how long it takes."""

import asyncio
from collections.abc import Callable

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.domain.standing import Standing


def count(standing: Standing) -> Callable[[Send], Send]:
    """Tell ``standing`` of everything that really goes to the provider."""

    def link(send: Send) -> Send:
        clock = asyncio.get_running_loop().time
        took = standing.took

        async def counted(exchange: Exchange) -> WireResponse:
            standing.exchanges += 1
            standing.in_flight += 1
            begun = clock()
            try:
                response = await send(exchange)
            except ProviderFault as fault:
                standing.fail(fault.kind, exchange.call.correlation_id)
                raise
            except asyncio.CancelledError as error:
                if not exchange.deadline.passed(clock()):  # its consumer went away
                    raise
                standing.fail("timeout", exchange.call.correlation_id)
                raise asyncio.CancelledError(*error.args) from ProviderFault("timeout", "the call's time was over")
            finally:
                standing.in_flight -= 1
                took(clock() - begun)
            if response.status > 500:  # 500 is also how SOAP refuses
                standing.fail(f"status {response.status}", exchange.call.correlation_id)
            return response

        return counted

    return link
