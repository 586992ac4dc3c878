"""aiohttp's runner and connections, with what they lack.

What reaches no route, because it is no HTTP or has no path (CONNECT), is refused through the chain all the same; and
nothing that was asked is lost when the server stops.
"""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Any, NoReturn

from aiohttp import web

from pi_server.domain.chain import Chain
from pi_server.domain.connections import Connections
from pi_server.domain.faults import Fault, HeadersTooLarge, MalformedRequest, NoSuchPath
from pi_server.domain.turn import Turn
from pi_server.server.connection import Connection, Listener
from pi_server.server.sweep import Sweep
from pi_server.web.endpoint import Handler

_LOOK_EVERY = 0.02
"""Seconds between looks at what is still open."""

_CUT_OFF = 0.5
"""Seconds a handler that was cut off has to end, and again when it was cancelled."""


class Runner(web.AppRunner):
    """aiohttp's own runner, on whose connections every refusal passes the outer links.

    aiohttp has no hook for this: `_make_server` is where a runner chooses its protocol, and there `_make_error_handler`
    is the only step of a refusal that can await a chain.  Nothing else of either is touched.
    """

    __slots__ = ("_counted", "_listener", "_outer", "_turn")

    def __init__(
        self,
        application: web.Application,
        outer: Chain[Handler],
        turn: Turn,
        counted: Connections | None = None,
        **settings: Any,
    ) -> None:
        """Answers leave at the end of a ``turn``, connections are ``counted``; ``settings`` as of `web.AppRunner`."""
        super().__init__(application, **settings, shutdown_timeout=_CUT_OFF)
        self._outer = outer
        self._turn = turn
        self._counted = counted or Connections()
        self._listener: _Listener | None = None

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        self._listener = _Listener(made, self._outer, self._turn, self._counted, **self._kwargs)
        return self._listener

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._listener.connections) if self._listener else 0

    @property
    def requests(self) -> int:
        """How many have come so far."""
        return self._listener.requests_count if self._listener else 0

    async def drain(self, linger: float, limit: float) -> None:
        """Accept no more, and wait until every connection was closed, at most ``limit`` seconds.

        For ``linger`` seconds connections that wait for another request are kept: it may be on its way, and is
        answered with the word to close.  What still runs at the limit is cut off by `cleanup`.
        """
        for site in self.sites:
            await site.stop()
        if self._listener is None:
            return
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
        self, made: web.Server, outer: Chain[Handler], turn: Turn, counted: Connections, **settings: Any
    ) -> None:
        application = made.request_handler
        pathless = outer.then(_refuse(NoSuchPath))

        def answer(request: Any) -> Awaitable[web.StreamResponse]:
            if request.rel_url.raw_path:
                return application(request)
            return pathless(request.clone(rel_url="-"))  # aiohttp's router knows no resource for it

        super().__init__(answer, request_factory=made.request_factory, **settings)
        self.malformed = outer.then(_refuse(MalformedRequest))
        self.headers_too_large = outer.then(_refuse(HeadersTooLarge))
        self.turn = turn
        self.counted = counted
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
