"""The outbound chain of one provider, composed once.

    deadline -> token -> retry -> failover -> breaker -> bulkhead -> pace -> time left -> count -> API log
             -> key -> transport

Each stands where it does for a reason.  A retry that pauses holds no slot and no turn.  Each endpoint has a breaker of
its own, and all share one bulkhead and one quota.  The first try passes retry and failover without paying for them.
What is switched off is not there.
"""

import asyncio
from collections.abc import Iterable

from pi_server.domain.chain import Chain
from pi_server.domain.exchange import Endpoint, Send
from pi_server.domain.standing import Standing
from pi_server.providers.breaker import EndpointBreaker
from pi_server.providers.bulkhead import Bulkhead
from pi_server.providers.count import count
from pi_server.providers.credentials.credential import NO_CREDENTIAL, Credential
from pi_server.providers.deadline import deadline
from pi_server.providers.failover import Failover, Place
from pi_server.providers.pace import pace
from pi_server.providers.retry import retry
from pi_server.providers.settings import ProviderSettings
from pi_server.providers.time_left import time_left


class Policies:
    """What ``settings`` ask for; of ``links`` (the API log) and the credential's, these stand innermost.

    Needs a running loop.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        standing: Standing,
        links: Chain[Send],
        credential: Credential = NO_CREDENTIAL,
    ) -> None:
        """Make the links that all endpoints share."""
        self.standing = standing
        self._settings = settings
        self._shared: Chain[Send] = Chain()
        bulkhead, quota = settings.bulkhead.policy(settings.connections), settings.pace.policy()
        if bulkhead.in_flight:
            self._shared = self._shared.append(Bulkhead(bulkhead, standing).link)
        if quota.requests:
            self._shared = self._shared.append(pace(quota, standing))
        if settings.timeout_header:
            self._shared = self._shared.append(time_left(settings.timeout_header))
        self._shared = self._shared.append(count(standing)).extend(links).extend(credential.inside)
        self._outside = credential.outside

    def around(self, transports: Iterable[tuple[Endpoint, Send]]) -> Send:
        """The whole chain before the transports of the provider's endpoints, the first of which is asked first."""
        places = [Place(self._settings.base(at.address), at, self._to(at, send)) for at, send in transports]
        policy = self._settings.retry.policy()
        outer: Chain[Send] = Chain(deadline(self._settings.timeout, self.standing)).extend(self._outside)
        if policy.times:
            outer = outer.append(retry(policy, self.standing))
        inner = places[0].send if len(places) == 1 else Failover(places, policy.statuses, self.standing).send
        return outer.then(inner)

    def _to(self, endpoint: Endpoint, send: Send) -> Send:
        policy = self._settings.breaker.policy()
        if not policy.failures:
            return self._shared.then(send)
        breaker = EndpointBreaker(
            f"{endpoint.name} at {endpoint.address}", policy, self.standing, asyncio.get_running_loop().time
        )
        self.standing.breakers[endpoint.address] = breaker
        return Chain(breaker.link).extend(self._shared).then(send)
