"""The outbound link that bounds one exchange with all its tries and waits."""

import asyncio
from collections.abc import Callable

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse
from pi_server.domain.standing import Standing


def deadline(timeout: float, standing: Standing) -> Callable[[Send], Send]:
    """Give each exchange ``timeout`` seconds, or what is left of its call; with nothing left it is not tried."""

    def link(send: Send) -> Send:
        clock = asyncio.get_running_loop().time  # asked once: see `pi_server.domain.watch`

        async def bounded(exchange: Exchange) -> WireResponse:
            now = clock()
            if exchange.deadline.passed(now):
                reason = "the call's time was over before the provider was asked"
                raise standing.refused("timeout", reason, exchange.call.correlation_id)
            until = exchange.deadline.within(timeout, now)
            call, endpoint, request, _, repeatable, *_ = exchange
            return await send(Exchange(call, endpoint, request, until, repeatable, now))

        return bounded

    return link
