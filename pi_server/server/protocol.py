"""What reaches no route, because it is no HTTP or has no path (CONNECT), is refused through the chain all the same."""

import asyncio
from collections.abc import Awaitable
from typing import Any, NoReturn

from aiohttp import web

from pi_server.domain.chain import Chain
from pi_server.domain.faults import Fault, MalformedRequest, NoSuchPath
from pi_server.domain.turn import Turn
from pi_server.web.endpoint import Handler


class Runner(web.AppRunner):
    """aiohttp's own runner, on whose connections every refusal passes the outer links.

    aiohttp has no hook for this: `_make_server` is where a runner chooses its protocol, and there `_make_error_handler`
    is the only step of a refusal that can await a chain.  Nothing else of either is touched.
    """

    __slots__ = ("_outer", "_turn")

    def __init__(self, application: web.Application, outer: Chain[Handler], turn: Turn, **settings: Any) -> None:
        """Answers leave at the end of a ``turn``; ``settings`` are those of `web.AppRunner`."""
        super().__init__(application, **settings)
        self._outer = outer
        self._turn = turn

    async def _make_server(self) -> web.Server:
        return _Listener(await super()._make_server(), self._outer, self._turn, **self._kwargs)


class _Listener(web.Server):
    """Makes a connection for each consumer that connects."""

    def __init__(self, made: web.Server, outer: Chain[Handler], turn: Turn, **settings: Any) -> None:
        application = made.request_handler
        pathless = outer.then(_refuse(NoSuchPath))

        def answer(request: Any) -> Awaitable[web.StreamResponse]:
            if request.rel_url.raw_path:
                return application(request)
            return pathless(request.clone(rel_url="-"))  # aiohttp's router knows no resource for it

        super().__init__(answer, request_factory=made.request_factory, **settings)
        self.malformed = outer.then(_refuse(MalformedRequest))
        self.turn = turn

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """Answers at the end of a turn; bytes that are no HTTP without repeating them, and then closes."""

    __slots__ = ("_malformed", "_turn")

    def __init__(self, listener: _Listener, **settings: Any) -> None:
        super().__init__(listener, **settings)
        self._malformed = listener.malformed
        self._turn = listener.turn

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(self._turn.hold(transport))

    def _make_error_handler(self, err_info: object) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await self._malformed(request.clone(method="-", rel_url="-", headers={}))
            response.force_close()
            return response

        return handle


def _refuse(fault: type[Fault]) -> Handler:
    async def refuse(_: web.Request) -> NoReturn:
        raise fault

    return refuse
