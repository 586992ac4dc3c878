"""One operation that is a page: a form comes in, and what its method returns becomes HTML, a redirect or text."""

from dataclasses import dataclass, replace
from functools import partial, wraps
from secrets import token_urlsafe
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote

from aiohttp import hdrs, web
from markupsafe import Markup
from multidict import CIMultiDict

from pi_server.domain.call import Call
from pi_server.domain.mount import Mount
from pi_server.domain.operation import Operation
from pi_server.domain.pages import Page, PageFiles, Redirect, Text, below, is_local
from pi_server.domain.service import Service
from pi_server.web.body import Patience
from pi_server.web.endpoint import Endpoint, Handler
from pi_server.web.form_body import FORM
from pi_server.web.middleware.csrf import CSRF_FIELD
from pi_server.web.pages.links import without_form_token
from pi_server.web.sessions.csrf_tokens import FormToken

HTML = "text/html"
_CSP = (
    "default-src 'none'; style-src 'self' 'nonce-{0}'; script-src 'self' 'nonce-{0}'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_IN_A_LOCATION = "/?#&=%+:,;@!$'()*~[]"
_FIELD = Markup('<input type="hidden" name="{}" value="{}">')


def page_endpoint(mount: Mount, token: FormToken, patience: Patience) -> Handler:
    """The innermost handler of a page.

    Raises:
        ValueError: its signature cannot be served, or it returns no page.
    """
    operation = mount.operation
    _check_returned(operation)
    answers = Answers(mount.root, _files(mount), token)
    method = operation.method

    @wraps(method)
    async def shown(service: Service, call: Call, **arguments: Any) -> web.Response:
        return await answers.answer(await method(service, call, **arguments), call)

    shown_operation = replace(
        operation, method=shown, consumes=operation.consumes or (FORM,), produces=operation.produces or (HTML,)
    )
    return without_form_token(Endpoint(mount.service, shown_operation, _as_it_is, mount.timeout, patience))


def _files(mount: Mount) -> PageFiles:
    if mount.files is None:
        raise ValueError(f"{mount.operation.name}: nobody has read the templates it is shown with")
    return mount.files


def _as_it_is(result: web.Response, *_: str) -> web.Response:
    return result


def _check_returned(operation: Operation) -> None:
    returned = get_type_hints(operation.method).get("return")
    arms = get_args(returned) if get_origin(returned) in (Union, UnionType) else (returned,)
    if any(arm not in (Page, Redirect, Text) for arm in arms):
        raise ValueError(f"{operation.name}: a page returns Page, Redirect or Text, and its annotation says so")


@dataclass(frozen=True, slots=True)
class Answers:
    """Turns what the pages of one service return into responses."""

    root: str
    files: PageFiles
    token: FormToken

    async def answer(self, result: object, call: Call) -> web.Response:
        """The response for ``result``.

        Raises:
            TypeError: it is no page, redirect or text.
            Exception: its template is not there or cannot be filled.
        """
        match result:
            case Page():
                return self._page(result, call, await self.token(call))
            case Redirect():
                headers = CIMultiDict(result.headers)
                headers[hdrs.LOCATION] = quote(below(self.root, result.to), safe=_IN_A_LOCATION)
                return web.Response(status=result.status, headers=headers)
            case Text():
                charset = "" if ";" in result.content_type else "; charset=utf-8"
                headers = CIMultiDict({hdrs.CONTENT_TYPE: f"{result.content_type}{charset}"})
                headers.update(result.headers)
                return web.Response(body=result.text.encode(), status=result.status, headers=headers)
            case _:
                raise TypeError(f"the operation returned {type(result).__name__}, no page")

    def _page(self, page: Page, call: Call, token: str) -> web.Response:
        nonce = token_urlsafe(16)
        html = html_of(page, self.root, self.files, call, token=token, nonce=nonce)
        headers = CIMultiDict(
            {
                hdrs.CONTENT_TYPE: f"{HTML}; charset=utf-8",
                "Content-Security-Policy": _CSP.format(nonce),
                "Referrer-Policy": "same-origin",
            }
        )
        headers.update(page.headers)
        return web.Response(body=html.encode("utf-8", "replace"), status=page.status, headers=headers)


def html_of(page: Page, root: str, files: PageFiles, call: Call, *, token: str = "", nonce: str = "") -> str:
    """The page as it is sent: its template, filled with its context and what every template is given."""
    given = {
        "call": call,
        "csrf_field": _FIELD.format(CSRF_FIELD, token) if token else Markup(""),
        "nonce": nonce,
        "root": root.rstrip("/"),
        "static": partial(_static, root, files),
        "url": partial(_url, root),
    }
    return files.render(page.template, {**page.context, **given})


def _url(root: str, path: str) -> str:
    """The whole path of ``path``, which lies below the service's root."""
    if not is_local(path):
        raise ValueError(f"no path of this server: {path[:100]!a}")
    return quote(below(root, path), safe=_IN_A_LOCATION)


def _static(root: str, files: PageFiles, name: str) -> str:
    """The address of a static file, another one whenever its content is, so that browsers may keep it for good."""
    file = files.static.get(name)
    if file is None:
        raise LookupError(f"there is no static/{name}")
    return f"{root.rstrip('/')}/static/{quote(name)}?v={file.version}"
