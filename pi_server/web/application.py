"""From mounts to one handler of all requests: every route is a single callable, composed once."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from aiohttp import HttpVersion11, hdrs, web

from pi_server.domain.chain import Chain
from pi_server.domain.envelope import ENVELOPES, Envelope, EnvelopeName
from pi_server.domain.faults import Fault, MethodNotAllowed, NoSuchPath, Unavailable
from pi_server.domain.mount import Mount
from pi_server.domain.pages import StaticFile
from pi_server.domain.trail import followed
from pi_server.web.body import Patience
from pi_server.web.endpoint import Handler
from pi_server.web.enveloped import enveloped
from pi_server.web.gate import Gate
from pi_server.web.middleware.options import options
from pi_server.web.negotiate import prefers_html
from pi_server.web.pages.fault_page import FAULT_PAGE
from pi_server.web.pages.links import page_or, to_sign_in
from pi_server.web.pages.static import NAME, static_files
from pi_server.web.route_table import Found, RouteTable
from pi_server.web.sessions.csrf_tokens import FormToken
from pi_server.web.state import REFUSAL

_PAGE = "page"  # beside the names of envelopes, of which it is none that could be configured


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The inbound chain as configured: the outer links for an envelope, and the inner ones for an operation.

    ``patience`` is what a consumer's body is granted; ``form_token`` makes the tokens for forms of a realm's pages;
    ``guard`` stands around what must happen only once, innermost; ``measure`` counts, outermost, for an operation or
    for what is none.
    """

    outer: Callable[[Envelope], Chain[Handler]]
    inner: Callable[[Mount], Chain[Handler]]
    form_token: Callable[[str], FormToken]
    guard: Callable[[Mount], Chain[Handler]] = lambda _: Chain()
    patience: Patience = field(default_factory=Patience)
    measure: Callable[[Mount | None], Chain[Handler]] = lambda _: Chain()

    def around(self, envelope: Envelope) -> Chain[Handler]:
        """The links around what is no operation."""
        return self.measure(None).extend(self.outer(envelope))


def compose(mount: Mount, links: Links, gate: Gate | None = None) -> Handler:
    """The whole way of a request to one operation as a single callable.

    Raises:
        ValueError: the operation's signature cannot be served.
    """
    chain = chain_of(mount, links, gate)
    if mount.operation.page:
        from pi_server.web.pages.operation import page_endpoint  # a server without pages need not load it

        return chain.then(page_endpoint(mount, links.form_token(mount.realm), links.patience))
    operation = followed(mount.operation) if mount.operation.once else mount.operation
    return chain.then(enveloped(mount, operation, links.patience))


def chain_of(mount: Mount, links: Links, gate: Gate | None = None) -> Chain[Handler]:
    """Every link a request passes on its way to one operation: the server's, the service's, the operation's."""
    outer = links.outer(FAULT_PAGE if mount.operation.page else ENVELOPES[mount.envelope])
    chain = links.measure(mount).extend(outer)
    if gate is not None:
        chain = chain.append(gate.link)
    if mount.sign_in_page:
        chain = chain.append(to_sign_in(mount.sign_in_page))
    chain = chain.extend(links.inner(mount))
    chain = chain.append(*mount.service.middlewares, *mount.operation.middlewares)
    return chain.extend(links.guard(mount)) if mount.operation.once else chain


class Site:
    """What one server answers: services are mounted one by one, and `answer` is the handler of all requests."""

    def __init__(self, links: Links, envelope: EnvelopeName) -> None:
        """``envelope`` is for paths that belong to no service."""
        self._links = links
        self._refusals = _Refusals(links, envelope)
        self._refused = {name: _route("*", "/", handler) for name, handler in self._refusals.handlers.items()}
        self._routes = _Routes()

    def add_core(self, path: str, handler: Handler) -> None:
        """Answer GET ``path`` with a page of the core's own, outside any envelope."""
        self._routes.add("GET", path, handler)

    def mount(self, mounts: Sequence[Mount], gate: Gate | None = None, instead_of: Sequence[Mount] = ()) -> None:
        """Serve all operations and static files of one service behind its gate, or none of them.

        Where they stand ``instead_of`` others, these are served no more; calls that run are not disturbed.

        Raises:
            ValueError: a signature cannot be served, or a verb and path is served already.
        """
        handlers = self._composed(mounts, gate)
        if instead_of:
            self._routes.change(_places(instead_of), handlers)
            self._refusals.forget({mount.root for mount in instead_of})
        else:
            self._add(handlers)
        for mount in mounts:
            self._refusals.unavailable.pop(mount.root, None)
            self._refusals.envelopes[mount.root] = mount.envelope
            if mount.operation.page:
                self._refusals.paged.add(mount.root)

    def _add(self, handlers: Mapping[tuple[str, str], Handler]) -> None:
        alone: RouteTable[None] = RouteTable()
        for verb, path in handlers:
            alone.add(verb, path, None)
            if self._routes.table.taken(verb, path):
                raise ValueError(f"{verb} {path} is served already")
        for (verb, path), handler in handlers.items():
            self._routes.add(verb, path, handler)

    def _composed(self, mounts: Sequence[Mount], gate: Gate | None) -> dict[tuple[str, str], Handler]:
        """The handlers by verb and path, where a page may be served beside an operation that is none."""
        found: dict[tuple[str, str], Handler] = {}
        for (verb, path), there in _by_place(mounts).items():
            handlers = [compose(mount, self._links, gate) for mount in there]
            found[verb, path] = handlers[0] if len(handlers) == 1 else page_or(*handlers)
        for place, files in _static(mounts):
            found[place] = self._links.around(FAULT_PAGE).then(static_files(files))
        return found

    def refuse(self, root: str, fault: type[Fault] = Unavailable) -> None:
        """Answer ``fault`` below ``root``: the service configured there is not served."""
        self._refusals.unavailable[root] = fault

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer whatever is asked; a path or verb that is not served is refused through the chain."""
        route, parameters = self._routed(request)
        request._match_info = web.UrlMappingMatchInfo(parameters, route)  # pyright: ignore[reportPrivateUsage] - whoever routes for aiohttp has to
        if hdrs.EXPECT in request.headers:
            await _continue(request)
        return await route.handler(request)

    def _routed(self, request: web.Request) -> tuple[web.AbstractRoute, dict[str, str]]:
        path = request.rel_url.raw_path
        found = self._routes.table.find(request.method, path)
        if isinstance(found, Found):
            return found
        request[REFUSAL] = self._refusals.fault(path, found.allowed)
        return self._refused[self._refusals.envelope(path, request.headers.get(hdrs.ACCEPT, ""))], {}


def _static(mounts: Sequence[Mount]) -> Iterator[tuple[tuple[str, str], Mapping[str, StaticFile]]]:
    """Where the static files of pages are served."""
    for root, files in {mount.root: mount.files.static for mount in mounts if mount.files}.items():
        if files:
            yield ("GET", f"{root.rstrip('/')}/static/{{{NAME}:*}}"), files


def _places(mounts: Sequence[Mount]) -> set[tuple[str, str]]:
    """Every verb and path of a service."""
    operations = {(mount.operation.verb, mount.operation.path) for mount in mounts}
    return operations | {place for place, _ in _static(mounts)}


def _by_place(mounts: Sequence[Mount]) -> dict[tuple[str, str], list[Mount]]:
    """The operations at each verb and path: one, or a page and one that is none, in this order."""
    found: dict[tuple[str, str], list[Mount]] = {}
    for mount in mounts:
        there = found.setdefault((mount.operation.verb, mount.operation.path), [])
        if any(other.operation.page == mount.operation.page for other in there):
            raise ValueError(f"{mount.operation.verb} {mount.operation.path} is served twice")
        there.append(mount)
    return {place: sorted(there, key=lambda mount: not mount.operation.page) for place, there in found.items()}


class _Refusals:
    """What is answered where no operation is: in the envelope of the service whose root comes nearest.

    Where that one has pages, a browser is told by a page.
    """

    def __init__(self, links: Links, envelope: EnvelopeName) -> None:
        told: list[tuple[str, Envelope]] = [*ENVELOPES.items(), (_PAGE, FAULT_PAGE)]
        self.handlers = {name: links.around(envelope).append(options).then(_refuse) for name, envelope in told}
        self._default: EnvelopeName = envelope
        self.envelopes: dict[str, EnvelopeName] = {}
        self.paged: set[str] = set()
        self.unavailable: dict[str, type[Fault]] = {}

    def envelope(self, path: str, accept: str) -> str:
        under = [root for root in self.envelopes if _is_below(path, root)]
        if not under:
            return self._default
        nearest = max(under, key=len)
        return _PAGE if nearest in self.paged and prefers_html(accept) else self.envelopes[nearest]

    def fault(self, path: str, allowed: tuple[str, ...]) -> Fault:
        if allowed:
            return MethodNotAllowed(headers={"Allow": ", ".join(sorted({*allowed, "OPTIONS"}))})
        under = [root for root in self.unavailable if _is_below(path, root)]
        return self.unavailable[max(under, key=len)]() if under else NoSuchPath()

    def forget(self, roots: Iterable[str]) -> None:
        """Know these roots no more."""
        for root in roots:
            self.envelopes.pop(root, None)
            self.paged.discard(root)


async def _refuse(request: web.Request) -> NoReturn:
    raise request[REFUSAL]


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


async def _continue(request: web.Request) -> None:
    """Ask for the body where that is expected; any other expectation is ignored (RFC 9110, 10.1.1)."""
    if request.headers["Expect"].lower() == "100-continue" and request.version == HttpVersion11:
        with suppress(ConnectionError):  # a consumer that went away is told of where every other is
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or aiohttp takes the answer for begun


def _route(verb: str, path: str, handler: Handler) -> web.AbstractRoute:
    """As a request tells by what it was routed; which of them it is, is ours to find."""
    return web.ResourceRoute(verb, handler, web.PlainResource(path))


class _Routes:
    """The route table, and what it was made from, as a table cannot forget."""

    def __init__(self) -> None:
        self.table: RouteTable[web.AbstractRoute] = RouteTable()
        self._all: dict[tuple[str, str], Handler] = {}

    def add(self, verb: str, path: str, handler: Handler) -> None:
        self.table.add(verb, path, _route(verb, path, handler))
        self._all[verb, path] = handler

    def change(self, gone: Collection[tuple[str, str]], come: Mapping[tuple[str, str], Handler]) -> None:
        """Serve what has come instead of what is gone, from one request to the next.

        Where something is then served twice (ValueError), nothing changes.
        """
        routes = _Routes()
        for (verb, path), handler in self._all.items():
            if (verb, path) not in gone:
                routes.add(verb, path, handler)
        for (verb, path), handler in come.items():
            routes.add(verb, path, handler)
        self.table, self._all = routes.table, routes._all
