"""The outbound link that keeps within a provider's quota."""

import asyncio
from collections import deque
from collections.abc import Callable

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse
from pi_server.domain.policy import PacePolicy
from pi_server.domain.standing import Standing


def pace(policy: PacePolicy, standing: Standing) -> Callable[[Send], Send]:
    """Let out no more than the quota in any period, wherever it begins; the others wait for their moment, in order.

    Whose moment would come after its deadline is refused at once.  A moment that is not used, because its consumer went
    away, is lost: the quota is never overdrawn, at most underused.
    """
    loop = asyncio.get_running_loop()
    moments: deque[float] = deque(maxlen=policy.requests)

    def moment(now: float) -> float:
        """When the next may go: a period after the one so many before it, and never before the one just before it."""
        if len(moments) < policy.requests:
            return now
        return max(now, moments[0] + policy.period)

    def link(send: Send) -> Send:
        async def paced(exchange: Exchange) -> WireResponse:
            now = loop.time()
            at = moment(now)
            wait = at - now
            if wait > 0 and exchange.deadline.passed(at):
                spent = exchange.spent(("quota", wait))
                reason = f"the quota of {policy.requests} in {policy.period:g} s is used up, too long to wait ({spent})"
                raise standing.refused("paced", reason, exchange.call.correlation_id, retry_after=wait)
            moments.append(at)
            if wait > 0:
                standing.decide("waited", f"{wait:.3f} s for the quota", exchange.call.correlation_id)
                await asyncio.sleep(wait)
                exchange = exchange.waited("quota", wait)
            return await send(exchange)

        return paced

    return link
