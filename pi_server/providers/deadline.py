"""The outbound link that bounds one exchange."""

import asyncio
from collections.abc import Callable

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse


def deadline(timeout: float) -> Callable[[Send], Send]:
    """Give each exchange ``timeout`` seconds, or what is left of its call; with nothing left it is not tried."""

    def link(send: Send) -> Send:
        clock = asyncio.get_running_loop().time  # asked once: see `pi_server.domain.watch`

        async def bounded(exchange: Exchange) -> WireResponse:
            now = clock()
            if exchange.deadline.passed(now):
                raise ProviderFault("timeout", "the call's time was over before the request was sent")
            until = exchange.deadline.within(timeout, now)
            return await send(Exchange(exchange.call, exchange.endpoint, exchange.request, until))

        return bounded

    return link
