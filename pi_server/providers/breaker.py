"""The outbound link that stops asking an endpoint which keeps failing, and finds out when it is well again.

From each state to the next:

closed     every exchange goes out;      failures outnumber successes by so many      -> open
open       none goes out;                the time between probes is over              -> half open
half open  one goes out, the probe;      it succeeds -> closed, it fails              -> open
held open  none goes out, by hand;       only by hand                                 -> closed
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from pi_server.domain.alert import Alert
from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.domain.policy import BreakerPolicy
from pi_server.domain.standing import BreakerState, Opened, Standing

_log = logging.getLogger("pi_server.provider")


class EndpointBreaker:
    """The breaker of one endpoint.

    A success takes back the oldest failure, so that a provider which answers most of what it is asked stays closed
    however much that is.  What began before the breaker opened and ends after changes nothing.
    """

    def __init__(self, name: str, policy: BreakerPolicy, standing: Standing, clock: Callable[[], float]) -> None:
        """Begin closed; ``name`` is for the log."""
        self._name = name
        self._policy = policy
        self._standing = standing
        self._clock = clock
        self._failures: deque[float] = deque()
        self._state: BreakerState = "closed"
        self._turned = 0.0
        self.opened: Opened | None = None
        self._probe = 0  # the number of the probe that runs, or 0
        self._probes = 0

    @property
    def state(self) -> BreakerState:
        """Whether the endpoint is asked."""
        if self._state == "open" and self._clock() >= self._turned + self._policy.probe:
            return "half_open"
        return self._state

    def open(self) -> None:
        """Ask the endpoint no more, until `close`."""
        self._turn("held_open", "by hand")

    def close(self) -> None:
        """Ask the endpoint again, with its failures forgotten."""
        self._turn("closed", "by hand")

    def admit(self, correlation_id: str = "") -> int:
        """Let an exchange out: 0, or the number of the probe it is, to be told with its end.

        Raises:
            Refused: breaker_open.
        """
        if self._state == "closed":
            return 0
        if self.state == "half_open" and not self._probe:
            self._probes += 1
            self._probe = self._probes
            self._standing.decide("probe", f"of {self._name}", correlation_id)
            return self._probe
        raise self._standing.refused(
            "breaker_open", f"the breaker is {self.state}", correlation_id, retry_after=self._left()
        )

    def succeeded(self, probe: int) -> None:
        """An exchange ended well."""
        if probe and probe == self._probe:
            self._turn("closed", "the probe succeeded")
        elif self._failures:
            self._failures.popleft()

    def failed(self, probe: int, why: str) -> None:
        """An exchange ended as the policy says a failure does."""
        if probe and probe == self._probe:
            self._turn("open", f"the probe failed: {why}")
        elif self._state == "closed":
            now = self._clock()
            self._failures.append(now)
            while self._failures[0] <= now - self._policy.window:
                self._failures.popleft()
            if len(self._failures) >= self._policy.failures:
                self._turn("open", f"{len(self._failures)} failures, the last: {why}")

    def abandoned(self, probe: int) -> None:
        """An exchange ended without telling anything of the endpoint; the next one may probe."""
        if probe and probe == self._probe:
            self._probe = 0

    def link(self, send: Send) -> Send:
        """Around everything that leads to the endpoint."""
        statuses = self._policy.statuses

        async def guarded(exchange: Exchange) -> WireResponse:
            probe = 0 if self._state == "closed" else self.admit(exchange.call.correlation_id)
            try:
                response = await send(exchange)
            except BaseException as error:
                if self._counts(exchange, error):
                    self.failed(probe, error.kind if isinstance(error, ProviderFault) else "timeout")
                else:
                    self.abandoned(probe)
                raise
            if response.status in statuses:
                self.failed(probe, f"status {response.status}")
            elif probe or self._failures:
                self.succeeded(probe)
            return response

        return guarded

    def _counts(self, exchange: Exchange, error: BaseException) -> bool:
        """Whether an error is a failure of the endpoint, and not of whoever would not wait for it."""
        kind = error.kind if isinstance(error, ProviderFault) else None
        if kind is None and isinstance(error, asyncio.CancelledError) and exchange.deadline.passed(self._clock()):
            kind = "timeout"  # the call's own watch was the first to see it
        hurried = kind == "timeout" and exchange.call.hurried and exchange.deadline == exchange.call.deadline
        return kind in self._policy.kinds and not hurried

    def _turn(self, state: BreakerState, why: str) -> None:
        was_closed, self._state = self._state == "closed", state
        self._turned = self._clock()
        self._probe = 0
        self._failures.clear()
        tell = _log.warning if state == "closed" else _log.error
        tell("%s: the breaker is %s: %s", self._name, state.replace("_", " "), why)
        if was_closed != (state == "closed"):  # a probe that fails is no news
            self.opened = Opened(self._standing.wall(), why) if was_closed else None
            self._standing.decide("opened" if was_closed else "closed", f"{self._name}: {why}")
            self._standing.alert(Alert("breaker_open" if was_closed else "breaker_closed", self._name, why))

    def _left(self) -> float | None:
        """Seconds until the next probe may go out, if that is known."""
        if self._state == "held_open":
            return None
        return max(0.0, self._turned + self._policy.probe - self._clock())
