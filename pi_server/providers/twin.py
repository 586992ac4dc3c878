"""Another that answers in place of a provider, as configured or as the consumer of a call asks."""

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse
from pi_server.domain.play import Play, asked_play
from pi_server.domain.ports import ProviderKind
from pi_server.providers.misdeeds import misbehave
from pi_server.providers.recordings import Recordings


class Twin:
    """Two links around the API log: outside it an exchange is marked, inside it another answers.

    What is asked of a token endpoint, which is discreet, passes both as it is.
    """

    def __init__(self, play: Play, kind: ProviderKind, mock: Send, recordings: Recordings) -> None:
        """Do as ``play`` says unless a call asks for something else."""
        self._play = play
        self._kind: ProviderKind = kind
        self._mock = mock
        self._recordings = recordings

    def mark(self, send: Send) -> Send:
        """Put the label of what will answer before the address, where logs show it: ``mock:https://...``."""

        async def marked(exchange: Exchange) -> WireResponse:
            if exchange.endpoint.discreet:
                return await send(exchange)
            request = exchange.request
            label = (asked_play.get() or self._play).label
            return await send(exchange._replace(request=request._replace(url=label + request.url)))

        return marked

    def answer(self, send: Send) -> Send:
        """Answer, or let the provider do it."""
        sends = {
            "live": send,
            "mock": self._mock,
            "record": self._recordings.recording(send),
            "replay": self._recordings.replay,
        }

        async def answered(exchange: Exchange) -> WireResponse:
            if exchange.endpoint.discreet:
                return await send(exchange)
            play, request = asked_play.get() or self._play, exchange.request
            exchange = exchange._replace(request=request._replace(url=request.url.removeprefix(play.label)))
            if play.misdeed:
                return await misbehave(play, self._kind, exchange, sends[play.mode])
            return await sends[play.mode](exchange)

        return answered
