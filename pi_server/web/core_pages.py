"""What the core itself answers, bare: no envelope around any of it.

    /ping                     ``pong``; behind no chain at all, so that it measures the server and nothing else
    /openapi.json             the OpenAPI document of everything served
    /openapi/{service}.json   that of one service, relative to its root, for the import into an API gateway
    /docs, /docs/{file}       swagger-ui drawing the first, from files of this package only

``docs: public`` shows them to anybody, ``docs: off`` shows only ``/ping``.  With ``docs: guarded`` the documents ask
for a service token (``x-srv-token``) like any operation.  A browser cannot send a header with an address typed in, so
the page itself, which tells nothing of the services, is open: it asks for the token, reads the document with it, uses
it for what is tried out, and forgets it when it is left.  The documents stand behind the outer links (correlation,
access log, recovery); the page's files, which are the same for everybody, stand behind none.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any

from aiohttp import web
from multidict import CIMultiDict
from pydantic_core import to_json

from pi_server.config import Config
from pi_server.domain.chain import Chain
from pi_server.domain.faults import NoSuchPath
from pi_server.domain.mount import Mount
from pi_server.version import VERSION
from pi_server.web.application import Site
from pi_server.web.endpoint import Handler
from pi_server.web.openapi import api_version, openapi_document, text_of

Served = Callable[[], Iterable[Mount]]
"""What the server serves, asked once it has started."""

_FILES = {
    "docs_page/docs.css": "text/css; charset=utf-8",
    "docs_page/docs.js": "text/javascript; charset=utf-8",
    "swagger_ui/favicon-32x32.png": "image/png",
    "swagger_ui/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger_ui/swagger-ui.css": "text/css; charset=utf-8",
}
_OWN = {"Server": "pi-server"}  # these pages stand outside the chain, which says it everywhere else
_PING = CIMultiDict({**_OWN, "Content-Type": "text/plain; charset=utf-8"})  # made once: it is asked all the time
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def ping(_: web.Request) -> web.Response:
    """Say that the worker serves."""
    return web.Response(body=b"pong", headers=_PING)


def add_core_pages(
    site: Site,
    config: Config,
    outer: Chain[Handler],
    guard: Chain[Handler],
    served: Served,
    session_cookie: str = "pi-session",
) -> None:
    """Add the core's pages; before any service is mounted, so that none of these paths can be taken.

    ``outer`` are the links every answer passes, ``guard`` those that ask for a service token.
    """
    site.add_core("/ping", ping)
    mode = config.docs_mode
    if mode == "off":
        return
    chain = outer.extend(guard) if mode == "guarded" else outer
    documents = _Documents(served, config.chains, session_cookie)
    site.add_core("/openapi.json", chain.then(documents.whole))
    site.add_core("/openapi/{file}", chain.then(documents.of_one_service))
    page = _read("docs_page/index.html").replace(b"{mode}", mode.encode())
    site.add_core("/docs", _page(page, "text/html; charset=utf-8"))
    for name, content_type in _FILES.items():
        site.add_core(f"/docs/{name.rpartition('/')[2]}", _page(_read(name), content_type))


class _Documents:
    """The OpenAPI documents, each serialised once, when it is first asked for: most servers are never asked."""

    def __init__(self, served: Served, chains: Mapping[str, Sequence[str]], session_cookie: str) -> None:
        self._served = served
        self._chains = chains
        self._tell = partial(openapi_document, session_cookie=session_cookie)
        self._bodies: dict[str, tuple[list[Mount], bytes]] = {}

    async def whole(self, _: web.Request) -> web.Response:
        mounts = list(self._served())
        build = partial(self._tell, mounts, self._chains, title="pi-server", version=VERSION)
        return await self._answer("", mounts, build)

    async def of_one_service(self, request: web.Request) -> web.Response:
        name, dot, kind = request.match_info["file"].rpartition(".")
        mounts = [mount for mount in self._served() if mount.operation.service == name]
        if not mounts or dot + kind != ".json":
            raise NoSuchPath
        return await self._answer(name, mounts, partial(_document_of_one, self._tell, mounts, self._chains))

    async def _answer(self, name: str, mounts: list[Mount], build: Callable[[], dict[str, Any]]) -> web.Response:
        told, body = self._bodies.get(name, (None, b""))
        if told != mounts:  # services may come and go
            body = await asyncio.to_thread(lambda: to_json(build(), inf_nan_mode="null", fallback=str))
            self._bodies[name] = mounts, body
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=body, headers=headers)


def _document_of_one(
    tell: Callable[..., dict[str, Any]], mounts: list[Mount], chains: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    first = mounts[0]
    root = first.root.rstrip("/")
    title = first.operation.api_name
    document = tell(mounts, chains, title=title, version=api_version(root, VERSION), below=root)
    text = text_of(type(first.service))
    return {**document, "info": {**document["info"], **({"description": text} if text else {})}}


def _read(name: str) -> bytes:
    return (files("pi_server.web") / name).read_bytes()


def _page(body: bytes, content_type: str) -> Handler:
    headers = {"Content-Type": content_type, "Cache-Control": "no-cache", **_OWN, **_SECURITY}

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    return answer
