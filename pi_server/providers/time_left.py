"""The outbound link that tells a provider how long its answer is waited for."""

import asyncio
from collections.abc import Callable

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse


def time_left(header: str) -> Callable[[Send], Send]:
    """Send what is left of the exchange's time along, in whole milliseconds."""

    def link(send: Send) -> Send:
        clock = asyncio.get_running_loop().time

        async def told(exchange: Exchange) -> WireResponse:
            request, left = exchange.request, max(0, int((exchange.deadline.at - clock()) * 1000))
            headers = (*request.headers, (header, str(left)))
            return await send(exchange._replace(request=request._replace(headers=headers)))

        return told

    return link
