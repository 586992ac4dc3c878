"""The portal behind the real links, on real servers that share their keys and revocations."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.cookies import Morsel, SimpleCookie
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, web

from pi_server import Service
from pi_server.auth.keyring import KeyRing
from pi_server.auth.revocations import KeyStoreRevocations
from pi_server.config.consumer_sections import SessionsSection
from pi_server.domain.chain import Chain
from pi_server.domain.consumer import Consumer
from pi_server.domain.envelope import ENVELOPES
from pi_server.domain.faults import Unauthenticated
from pi_server.domain.mount import Mount
from pi_server.domain.operation import operations_of
from pi_server.domain.turn import Turn
from pi_server.server.connections.protocol import Runner
from pi_server.stores.memory_keys import MemoryKeys
from pi_server.testing import FakeClock
from pi_server.web.application import Links, Site
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.correlation import correlation
from pi_server.web.middleware.credentials import credentials, token_credential
from pi_server.web.middleware.csrf import csrf, form_token
from pi_server.web.middleware.jwt import jwt_credential
from pi_server.web.middleware.recovery import recovery
from pi_server.web.middleware.session import session_cookie, session_credential
from pi_server.web.sessions.request_sessions import RequestSessions
from pi_server.web.sessions.rules import session_rules
from pi_server.web.sessions.storage import SessionStorage, session_storage
from tests.web.portal import Portal

OLD, NEW = b"Vq3tZr8mW1xK5pB7nD9sF2hJ4kL6yTcA", b"uR7eN2wQ9aX4vM6zG1bH8jP3dS5fYkLt"
TOKENS = {
    "good": Consumer("ann", frozenset({"read"}), "jwt", realm="portal"),
    "other": Consumer("bob", kind="jwt", realm="portal"),
}
MACHINE = Consumer("machine", frozenset({"*"}), "token")


def verify(token: str, realm: str) -> Consumer | Awaitable[Consumer]:
    """A verifier that knows two tokens at once, and finds out about those that begin with ``late``."""
    token.encode("ascii")  # no verifier has to cope with anything else
    if token.startswith("late-"):
        return _verified_late(token.removeprefix("late-"), realm)
    if token not in TOKENS or realm != TOKENS[token].realm:
        raise Unauthenticated(reason="JWT unknown")
    return TOKENS[token]


async def _verified_late(token: str, realm: str) -> Consumer:
    await asyncio.sleep(0)
    found = verify(token, realm)
    assert isinstance(found, Consumer)
    return found


def identify(token: str) -> Consumer:
    """The holder of the one service token."""
    if token != "machine":
        raise Unauthenticated(reason="an unknown service token")
    return MACHINE


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``cookies`` as the browser would keep them."""

    status: int
    body: Any
    headers: Mapping[str, str]
    cookies: Mapping[str, "Morsel[str]"]

    @property
    def data(self) -> Any:
        """What the operation returned."""
        return self.body["data"]


@dataclass(frozen=True, slots=True)
class Worker:
    """One server."""

    url: str
    http: ClientSession
    storage: SessionStorage
    revocations: KeyStoreRevocations

    async def ask(self, verb: str, path: str, *, cookie: str = "", **given: Any) -> Answer:
        """Ask with exactly these cookies."""
        headers = [*given.pop("headers", {}).items(), *([("Cookie", cookie)] if cookie else [])]
        async with self.http.request(verb, self.url + path, headers=headers, **given) as response:
            cookies: SimpleCookie = SimpleCookie()
            for line in response.headers.getall("Set-Cookie", ()):
                cookies.load(line)
            body = await response.json() if response.content_type == "application/json" else await response.text()
            return Answer(response.status, body, response.headers, cookies)

    async def sign_in(self, user: str = "ann", root: str = "/portal", **given: Any) -> str:
        """The cookie of a new session, as a browser shows it."""
        answer = await self.ask("POST", f"{root}/sign-in", json={"user": user}, **given)
        assert answer.status == 200, answer
        name = self.storage.cookie_name
        return f"{name}={answer.cookies[name].value}"

    async def raw(self, request: bytes) -> bytes:
        """The first line answered to bytes that no library would send."""
        host, port = self.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        try:
            return await reader.readline()
        finally:
            writer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the servers of one test share."""

    clock: FakeClock
    keys: MemoryKeys
    section: SessionsSection
    secure: bool = False
    secrets: tuple[bytes, ...] = (OLD,)

    async def revocations(self) -> KeyStoreRevocations:
        """A worker's view of them."""
        view = KeyStoreRevocations(self.keys, lasting=50_000, poll=0.05, clock=self.clock.wall)
        await view.start()
        return view

    def storage(self, revocations: KeyStoreRevocations) -> SessionStorage:
        """The storage as the configuration says, by the clock of the test."""
        ring = KeyRing(self.secrets)
        rules = session_rules(
            self.section,
            secure=self.secure,
            sealer=ring.sealer("session"),
            csrf_sealer=ring.sealer("csrf"),
            revocations=revocations,
        )
        return session_storage(self.section, replace(rules, wall=self.clock.wall), self.keys)


def setting(*, secure: bool = False, keys: MemoryKeys | None = None, **section: Any) -> Setting:
    """A setting whose section ``sessions`` says what is given."""
    return Setting(clock=FakeClock(), keys=keys or MemoryKeys(), section=SessionsSection(**section), secure=secure)


@asynccontextmanager
async def worker(of: Setting) -> AsyncGenerator[Worker]:
    """A server with the portal in its realm, and below ``/other`` the same service in another."""
    revocations = await of.revocations()
    storage = of.storage(revocations)
    links = Links(outer=_outer(storage), inner=partial(_inner, storage), form_token=partial(form_token, storage))
    site = Site(links, "semantic")
    for realm, root in (("portal", "/portal"), ("other", "/other")):
        site.mount(_mounts(Portal(sessions=RequestSessions(realm, storage)), realm, root))
    outer = _outer(storage)(ENVELOPES["semantic"])
    runner = Runner(site.answer, outer, Turn(), body_limit=2**20, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        async with ClientSession(cookie_jar=DummyCookieJar()) as http:
            yield Worker(f"http://{host}:{port}", http, storage, revocations)
    finally:
        await runner.cleanup()
        await revocations.close()


def _outer(storage: SessionStorage) -> Callable[[Any], Chain[Handler]]:
    return lambda envelope: Chain(correlation(("activityid",)), session_cookie(storage), recovery(envelope))


def _inner(storage: SessionStorage, mount: Mount) -> Chain[Handler]:
    session, jwt = session_credential(storage, mount.realm), jwt_credential(verify, mount.realm, "token")
    every = credentials(token_credential(identify), session, jwt)
    named: dict[str, Chain[Handler]] = {
        "public": Chain(),
        "session": Chain(credentials(session)),
        "jwt": Chain(credentials(jwt)),
        "any": Chain(every),
        "guarded": Chain(every, csrf(storage, mount.realm)),
        "origin": Chain(csrf(storage, mount.realm)),
    }
    return named[mount.chain]


def _mounts(service: Service, realm: str, root: str) -> list[Mount]:
    return [
        Mount(
            service=service,
            operation=replace(operation, path=root + operation.path, service=realm),
            root=root,
            chain=operation.chain or "public",
            realm=realm,
            timeout=5,
            envelope="semantic",
        )
        for operation in operations_of(type(service))
    ]
