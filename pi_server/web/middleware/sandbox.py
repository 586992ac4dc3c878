"""Lets consumers choose, call by call, what answers in place of providers: for test systems only."""

from collections.abc import Callable

from aiohttp import web

from pi_server.config.plays import play_of
from pi_server.domain.faults import Detail, InvalidPlay
from pi_server.domain.play import asked_play
from pi_server.web.endpoint import Handler


def sandbox(header: str) -> Callable[[Handler], Handler]:
    """Do for one call what its ``header`` says, such as ``mock`` or ``status=503``; else `InvalidPlay`."""

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            asked = request.headers.get(header)
            if asked is None:
                return await handler(request)
            try:
                token = asked_play.set(play_of(asked))
            except ValueError as error:
                raise InvalidPlay(details=(Detail(header, str(error)),)) from None
            try:
                return await handler(request)
            finally:
                asked_play.reset(token)

        return handle

    return link
