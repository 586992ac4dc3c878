"""What those who watch over a worker ask it.

    /livez     200 while its event loop turns: who gets no answer may restart it
    /readyz    200 where it should be given requests, 503 where not, with the reasons
    /version   which version answers
    /pid       the process that answers, for the holder of a service token
    /addr      the address the request came from, as rate limits see it, for the holder of a service token

The first three stand behind no chain and leave no line in the access log: they are asked every few seconds.  They tell
names, and nothing of what is behind them.
"""

import os
from collections.abc import Callable, Iterable

from aiohttp import web
from pydantic_core import to_json

from pi_server.domain.chain import Chain
from pi_server.domain.readiness import Readiness
from pi_server.version import VERSION
from pi_server.web.application import Site
from pi_server.web.endpoint import Handler

_OWN = {"Server": "pi-server", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_JSON = {"Content-Type": "application/json"}
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def add_health_pages(
    site: Site, guarded: Chain[Handler], readiness: Readiness, failed: Callable[[], Iterable[str]]
) -> None:
    """Add them, as `add_core_pages` does; ``failed`` are the enabled plugins that are not served.

    They are told, and are no reason to send requests elsewhere: the others serve, and another worker failed likewise.
    """

    async def ready(_: web.Request) -> web.Response:
        reasons = dict(readiness.reasons)
        told = {"ready": not reasons, "reasons": reasons, "failedPlugins": sorted(failed())}
        return web.Response(status=503 if reasons else 200, body=to_json(told), headers={**_OWN, **_JSON})

    site.add_core("/livez", _text("alive"))
    site.add_core("/readyz", ready)
    site.add_core("/version", _told(to_json({"version": VERSION}), _JSON))
    site.add_core("/pid", guarded.then(_text(str(os.getpid()))))
    site.add_core("/addr", guarded.then(_address))


def _text(text: str) -> Handler:
    return _told(text.encode(), _TEXT)


def _told(body: bytes, kind: dict[str, str]) -> Handler:
    headers = {**_OWN, **kind}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    return answer


async def _address(request: web.Request) -> web.Response:
    return web.Response(text=request.remote or "", headers=_OWN)
