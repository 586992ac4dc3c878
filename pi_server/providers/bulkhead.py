"""The outbound link that keeps one provider from taking all there is: so many exchanges at once, so many waiting."""

import asyncio

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse
from pi_server.domain.policy import BulkheadPolicy
from pi_server.domain.standing import Standing


class Bulkhead:
    """The slots of one provider, given out in the order they are asked for.

    A slot that becomes free is handed to the first who waits, so nobody who comes later can take it.
    """

    def __init__(self, policy: BulkheadPolicy, standing: Standing) -> None:
        """Begin with all slots free; needs a running loop."""
        self._policy = policy
        self._standing = standing
        self._loop = asyncio.get_running_loop()
        self._taken = 0
        self._waiting: dict[asyncio.Future[bool], None] = {}  # in order; given True for a slot, False for none

    def link(self, send: Send) -> Send:
        """Around everything that a slot is needed for."""
        slots = self._policy.in_flight

        async def bounded(exchange: Exchange) -> WireResponse:
            if self._taken < slots:
                self._taken += 1
            else:
                exchange = await self._queued(exchange)
            try:
                return await send(exchange)
            finally:
                self._free()

        return bounded

    async def _queued(self, exchange: Exchange) -> Exchange:
        """The exchange once it has a slot.

        Raises:
            Refused: queue_full, when too many wait already or no slot comes in time.
        """
        policy, begun = self._policy, self._loop.time()
        if len(self._waiting) >= policy.queue:
            raise self._refused(f"{len(self._waiting)} wait already", exchange)
        turn: asyncio.Future[bool] = self._loop.create_future()
        timer = self._loop.call_at(min(begun + policy.wait, exchange.deadline.at), self._leave, turn)
        self._waiting[turn] = None
        self._standing.queued = len(self._waiting)
        try:
            has_slot = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self._free()  # it came in the same moment
            raise
        finally:
            timer.cancel()
            self._out(turn)
        exchange = exchange.waited("queue", self._loop.time() - begun)
        if not has_slot:
            raise self._refused("no slot came free in time", exchange)
        self._standing.decide("queued", exchange.spent(), exchange.call.correlation_id)
        return exchange

    def _leave(self, turn: asyncio.Future[bool]) -> None:
        if not turn.done():
            turn.set_result(False)
        self._out(turn)

    def _out(self, turn: asyncio.Future[bool]) -> None:
        self._waiting.pop(turn, None)
        self._standing.queued = len(self._waiting)

    def _free(self) -> None:
        """Hand the slot to the first who still waits, or nobody has it."""
        while self._waiting:
            turn = next(iter(self._waiting))
            self._out(turn)
            if not turn.done():
                turn.set_result(True)
                return
        self._taken -= 1

    def _refused(self, why: str, exchange: Exchange) -> Exception:
        spent = exchange.spent()
        reason = f"{self._taken} exchanges run, {why}" + (f" ({spent})" if spent else "")
        return self._standing.refused("queue_full", reason, exchange.call.correlation_id, retry_after=self._policy.wait)
