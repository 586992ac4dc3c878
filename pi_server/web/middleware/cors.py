"""Lets pages of other sites call, those of the origins an operator lists and no others.

A listed origin is matched as a whole, so nothing a consumer sends is ever reflected.  `null` and `*` cannot be listed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from multidict import CIMultiDict, istr

from pi_server.web.endpoint import Handler
from pi_server.web.vary import vary_by

_ORIGIN = istr("Origin")
_WANTED = istr("Access-Control-Request-Method")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What pages of ``origins`` may do; ``max_age`` is in seconds.

    ``headers`` are those they may send, ``expose`` those they may read; ``credentials`` lets cookies come along.
    """

    origins: tuple[str, ...]
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age: float = 600.0


def cors(permission: Permission) -> Callable[[Handler], Handler]:
    """Tell browsers what is permitted, on faults as well: a page that may call may read why it was refused.

    A preflight is answered by the link `options`, whose ``Allow`` becomes its methods.
    """
    actual = {origin: CIMultiDict(_actual(permission, origin)) for origin in permission.origins}
    preflight = {origin: CIMultiDict(_preflight(permission, origin)) for origin in permission.origins}

    def link(handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            if not response.prepared:
                vary_by(response, "Origin")
                origin = request.headers.get(_ORIGIN)
                if origin in actual:
                    tell(request, response, origin)
            return response

        return handle

    def tell(request: web.Request, response: web.StreamResponse, origin: str) -> None:
        if request.method != "OPTIONS" or _WANTED not in request.headers:
            response.headers.update(actual[origin])
            return
        response.headers.update(preflight[origin])
        if allowed := response.headers.get("Allow"):
            response.headers["Access-Control-Allow-Methods"] = allowed

    return link


def _both(permission: Permission, origin: str) -> Mapping[str, str]:
    credentials = {"Access-Control-Allow-Credentials": "true"} if permission.credentials else {}
    return {"Access-Control-Allow-Origin": origin, **credentials}


def _actual(permission: Permission, origin: str) -> Mapping[str, str]:
    expose = {"Access-Control-Expose-Headers": ", ".join(permission.expose)} if permission.expose else {}
    return {**_both(permission, origin), **expose}


def _preflight(permission: Permission, origin: str) -> Mapping[str, str]:
    headers = {"Access-Control-Allow-Headers": ", ".join(permission.headers)} if permission.headers else {}
    return {**_both(permission, origin), **headers, "Access-Control-Max-Age": str(int(permission.max_age))}
