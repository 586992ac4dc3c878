"""aiohttp's runner and connections, with what they lack.

What reaches no route, because it is no HTTP or has no path (CONNECT), is refused through the chain all the same; and
nothing that was asked is lost when the server stops.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial
from time import monotonic
from typing import Any, NoReturn

from aiohttp import web

from pi_server.domain.chain import Chain
from pi_server.domain.connections import Connections
from pi_server.domain.faults import Fault, HeadersTooLarge, MalformedRequest, NoSuchPath
from pi_server.domain.turn import Turn
from pi_server.server.connections.connection import Connection, Listener
from pi_server.server.connections.sweep import Sweep
from pi_server.server.connections.untaken import Untaken
from pi_server.web.endpoint import Handler

_LOOK_EVERY = 0.02
"""Seconds between looks at what is still open."""

_CUT_OFF = 0.5
"""Seconds a handler that was cut off has to end, and again when it was cancelled."""


class Runner(web.ServerRunner):
    """aiohttp's runner, on whose connections every refusal passes the outer links."""

    __slots__ = ("_listener",)

    def __init__(
        self,
        answer: Handler,
        outer: Chain[Handler],
        turn: Turn,
        counted: Connections | None = None,
        *,
        body_limit: int,
        **settings: Any,
    ) -> None:
        """Answers leave at the end of a ``turn``, connections are ``counted``; needs a running loop.

        A body has at most ``body_limit`` bytes; ``settings`` are those of `web.RequestHandler`.
        """
        self._listener = _Listener(answer, outer, turn, counted or Connections(), body_limit, **settings)
        super().__init__(self._listener, shutdown_timeout=_CUT_OFF)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._listener.connections)

    @property
    def requests(self) -> int:
        """How many have come so far."""
        return self._listener.requests_count

    async def drain(self, linger: float, limit: float) -> None:
        """Accept no more, and wait until every connection was closed, at most ``limit`` seconds.

        For ``linger`` seconds connections that wait for another request are kept: it may be on its way, and is
        answered with the word to close.  What still runs at the limit is cut off by `cleanup`.
        """
        for site in self.sites:
            await site.stop()
        self._listener.draining = True
        begun = monotonic()
        await self._emptied(begun + min(linger, limit))
        self._listener.close_idle()
        await self._emptied(begun + limit)

    async def _emptied(self, end: float) -> None:
        while self.connections and monotonic() < end:  # noqa: ASYNC110 - no event tells of the last connection
            await asyncio.sleep(_LOOK_EVERY)


class _Listener(Listener):
    """Makes a connection for each consumer that connects."""

    def __init__(
        self,
        answer: Handler,
        outer: Chain[Handler],
        turn: Turn,
        counted: Connections,
        body_limit: int,
        **settings: Any,
    ) -> None:
        pathless = outer.then(_refuse(NoSuchPath))

        def answered(request: Any) -> Awaitable[web.StreamResponse]:
            if request.rel_url.raw_path:
                return answer(request)
            return pathless(request.clone(rel_url="-"))  # the links reckon with a path

        made = partial(web.Request, loop=asyncio.get_running_loop(), client_max_size=body_limit)
        super().__init__(answered, request_factory=made, **settings)
        self.malformed = outer.then(_refuse(MalformedRequest))
        self.headers_too_large = outer.then(_refuse(HeadersTooLarge))
        self.turn = turn
        self.counted = counted
        self.untaken = Untaken(counted.limits.untaken)
        self.draining = False
        self._sweep = Sweep(counted, lambda: self.connections)

    def close_idle(self) -> None:
        """Close connections without a request, and have the others closed once theirs is answered."""
        for connection in self.connections:
            if isinstance(connection, Connection) and connection.idle:
                connection.force_close()
            else:
                connection.close()

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's signature
        try:
            await super().shutdown(timeout)
        finally:
            self._sweep.end()


def _refuse(fault: type[Fault]) -> Handler:
    async def refuse(_: web.Request) -> NoReturn:
        raise fault

    return refuse
