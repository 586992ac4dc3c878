"""From mounts to one aiohttp application: every route is a single callable, composed once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

from aiohttp import HttpVersion11, web
from yarl import URL

from pi_server.domain.chain import Chain
from pi_server.domain.envelope import ENVELOPES, EnvelopeName
from pi_server.domain.faults import Fault, MethodNotAllowed, NoSuchPath, Unavailable
from pi_server.domain.mount import Mount
from pi_server.web.body import Patience
from pi_server.web.endpoint import Endpoint, Handler
from pi_server.web.middleware.options import options
from pi_server.web.route_table import Found, RouteTable, variable_names
from pi_server.web.state import REFUSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """The inbound chain as configured: the outer links for an envelope, and the inner ones for an operation.

    ``patience`` is what a consumer's body is granted.
    """

    outer: Callable[[EnvelopeName], Chain[Handler]]
    inner: Callable[[Mount], Chain[Handler]]
    patience: Patience = field(default_factory=Patience)


def compose(mount: Mount, links: Links) -> Handler:
    """The whole way of a request to one operation as a single callable.

    Raises:
        ValueError: the operation's signature cannot be served.
    """
    endpoint = Endpoint(mount.service, mount.operation, ENVELOPES[mount.envelope], mount.timeout, links.patience)
    return chain_of(mount, links).then(endpoint)


def chain_of(mount: Mount, links: Links) -> Chain[Handler]:
    """Every link a request passes on its way to one operation: the server's, the service's, the operation's."""
    chain = links.outer(mount.envelope).extend(links.inner(mount))
    return chain.append(*mount.service.middlewares, *mount.operation.middlewares)


class Site:
    """What one server answers; services are mounted one by one, then `application` gives the whole to aiohttp."""

    def __init__(self, links: Links, envelope: EnvelopeName) -> None:
        """``envelope`` is for paths that belong to no service."""
        self._links = links
        self._refusals = _Refusals(links, envelope)
        self._everything = _Everything(self._refusals)
        self._core: dict[str, Handler] = {}

    def add_core(self, path: str, handler: Handler) -> None:
        """Answer GET ``path`` with a page of the core's own, outside any envelope."""
        self._everything.add("GET", path, handler)
        if not variable_names(path):
            self._core[path] = handler

    def mount(self, mounts: Sequence[Mount]) -> None:
        """Serve all operations of one service, or none of them.

        Raises:
            ValueError: a signature cannot be served, or a verb and path is served already.
        """
        alone: RouteTable[None] = RouteTable()
        for operation in (mount.operation for mount in mounts):
            alone.add(operation.verb, operation.path, None)
            if self._everything.taken(operation.verb, operation.path):
                raise ValueError(f"{operation.verb} {operation.path} is served already")
        handlers = [compose(mount, self._links) for mount in mounts]
        for mount, handler in zip(mounts, handlers, strict=True):
            self._everything.add(mount.operation.verb, mount.operation.path, handler)
            self._refusals.envelopes[mount.root] = mount.envelope

    def refuse(self, root: str) -> None:
        """Answer 503 below ``root``: the service configured there could not be started."""
        self._refusals.unavailable.append(root)

    def application(self, body_limit: int) -> web.Application:
        """The aiohttp application; a body may have at most ``body_limit`` bytes."""
        app = web.Application(client_max_size=body_limit)
        for path, handler in self._core.items():
            # found first and fastest; all else about them is ours to answer
            app.router.add_route("GET", path, handler, expect_handler=_continue)
        for root in sorted(self._refusals.envelopes):
            app.router.register_resource(self._everything.at(root))
        app.router.register_resource(self._everything)
        return app


class _Refusals:
    """What is answered where no operation is: in the envelope of the service whose root comes nearest."""

    def __init__(self, links: Links, envelope: EnvelopeName) -> None:
        self.handlers = {name: links.outer(name).append(options).then(_refuse) for name in ENVELOPES}
        self._default: EnvelopeName = envelope
        self.envelopes: dict[str, EnvelopeName] = {}
        self.unavailable: list[str] = []

    def envelope(self, path: str) -> EnvelopeName:
        under = [root for root in self.envelopes if _is_below(path, root)]
        return self.envelopes[max(under, key=len)] if under else self._default

    def fault(self, path: str, allowed: tuple[str, ...]) -> Fault:
        if allowed:
            return MethodNotAllowed(headers={"Allow": ", ".join(sorted({*allowed, "OPTIONS"}))})
        if any(_is_below(path, root) for root in self.unavailable):
            return Unavailable()
        return NoSuchPath()


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


class _Everything(web.AbstractResource):
    """The one resource aiohttp knows: it asks the route table, and always has an answer.

    aiohttp looks for a resource at the whole path, then segment by segment nearer to the root: so it is registered at
    each service's root as well, where it is met sooner.
    """

    def __init__(self, refusals: _Refusals) -> None:
        super().__init__()
        self._place = "/"
        self._table: RouteTable[web.ResourceRoute] = RouteTable()
        self._refusals = refusals
        self._refused = {name: self._route("*", handler) for name, handler in refusals.handlers.items()}

    def add(self, verb: str, path: str, handler: Handler) -> None:
        self._table.add(verb, path, self._route(verb, handler))

    def taken(self, verb: str, path: str) -> bool:
        return self._table.taken(verb, path)

    def at(self, place: str) -> Self:
        """The same, to be met at ``place``."""
        other = copy(self)
        other._place = place
        return other

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        path = request.rel_url.raw_path
        found = self._table.find(request.method, path)
        if isinstance(found, Found):
            return web.UrlMappingMatchInfo(found.parameters, found.target), set()
        request[REFUSAL] = self._refusals.fault(path, found.allowed)
        return web.UrlMappingMatchInfo({}, self._refused[self._refusals.envelope(path)]), set()

    def _route(self, verb: str, handler: Handler) -> web.ResourceRoute:
        return web.ResourceRoute(verb, handler, self, expect_handler=_continue)

    @property
    def canonical(self) -> str:
        return self._place

    def url_for(self, **kwargs: str) -> URL:
        raise NotImplementedError("operations are not named for aiohttp")

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError("the route table is always at the root")

    def get_info(self) -> Any:
        return {}

    def raw_match(self, path: str) -> bool:
        return path == self.canonical

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(())
