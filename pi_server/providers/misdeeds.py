"""A provider that fails as it is told, in the ways a real one does."""

import asyncio

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.domain.play import Play
from pi_server.domain.ports import ProviderKind

_SOAP = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>e:{}</faultcode>'
    "<faultstring>told to fail</faultstring></e:Fault></e:Body></e:Envelope>"
)
_REST = '{{"error": {{"code": "{}"}}}}'
_SIGN_IN = b"<!doctype html><html><body>Please sign in.</body></html>"


async def misbehave(play: Play, kind: ProviderKind, exchange: Exchange, send: Send) -> WireResponse:
    """Do what ``play`` says; after a delay, ask.

    Raises:
        ProviderFault: unreachable, timeout or malformed, as the transport would.
    """
    match play.misdeed:
        case "delay":
            await _wait(exchange, play.seconds)
            return await send(exchange)
        case "fault":
            return _refusal(kind, play.code)
        case "status":
            return WireResponse(play.status, (("Content-Type", "text/plain"),), b"told to fail")
        case "wrong-type":
            return WireResponse(200, (("Content-Type", "text/html"),), _SIGN_IN)
        case "half-body":
            raise ProviderFault("malformed", "told to fail: the answer ended early")
        case "reset":
            raise ProviderFault("unreachable", "told to fail: the connection was reset")
        case _:
            await _wait(exchange, float("inf"))
            raise AssertionError("unreachable")


async def _wait(exchange: Exchange, seconds: float) -> None:
    """Wait, but no longer than anybody else does."""
    left = exchange.deadline.at - asyncio.get_running_loop().time()
    await asyncio.sleep(max(0.0, min(seconds, left)))
    if left <= seconds:
        raise ProviderFault("timeout", "told to fail: no answer in time")


def _refusal(kind: ProviderKind, code: str) -> WireResponse:
    """A Fault of SOAP 1.1, which every SOAP codec reads, or the JSON that comes nearest to one."""
    media, text = ("text/xml", _SOAP) if kind == "soap" else ("application/json", _REST)
    return WireResponse(500, (("Content-Type", media),), text.format(code).encode())
