"""A real server for a test: services of the test's own on a free port, with logs that can be read."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from pi_server.auth.service_tokens import digest
from pi_server.domain.service import Service

if TYPE_CHECKING:
    from aiohttp import ClientSession

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_ACCESS_LOG_LIMIT = 30.0  # seconds until a line of the buffered access log must have been written


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that serves.

    ``url`` is its address without a path; ``session`` an aiohttp session that begins there, so
    ``server.session.get("/ping")`` asks it, and that keeps cookies as a browser does; ``headers`` hold a service token
    that may do everything (``tokens.test`` in the configuration); ``logs`` is the directory of its log files.
    """

    url: str
    session: ClientSession
    headers: Mapping[str, str]
    logs: Path

    @property
    def page(self) -> Mapping[str, str]:
        """Headers that a page of this server's own site sends: its origin, and the CSRF token in its cookies."""
        tokens = [cookie.value for cookie in self.session.cookie_jar if cookie.key.endswith("-csrf")]
        return {"Origin": self.url, **({"x-csrf-token": tokens[-1]} if tokens else {})}

    @property
    def api_log(self) -> list[str]:
        """The lines of the API log so far; a record is there before its request leaves."""
        return _lines(self.logs / "api.log")

    async def access_log(self, at_least: int = 1) -> list[str]:
        """The lines of the access log, which is written with a little delay: waits until there are ``at_least``.

        Raises:
            TimeoutError: so many lines did not come.
        """
        async with asyncio.timeout(_ACCESS_LOG_LIMIT):
            while len(lines := _lines(self.logs / "access.log")) < at_least:  # noqa: ASYNC110 - no event tells of a file
                await asyncio.sleep(0.01)
        return lines


class Serve(Protocol):
    """The type of `serve` and of the fixture of the same name."""

    def __call__(
        self, *services: type[Service] | Service, config: Mapping[str, Any] = ..., directory: Path | None = ...
    ) -> AbstractAsyncContextManager[Served]:
        """Serve ``services``; see `serve`."""
        ...


@asynccontextmanager
async def serve(
    *services: type[Service] | Service, config: Mapping[str, Any] = _NOTHING, directory: Path | None = None
) -> AsyncGenerator[Served]:
    """Serve these services, and no installed ones, on a free loopback port until the block is left.

    A service is an instance (with a `FakeProvider` in it, say) or a class, which is bound from its section of
    ``config`` as in production.  Its name is that of its class in snake case.  ``config`` is what ``config.yaml``
    would hold; the environment is not looked at.  Files are written below ``directory``, or to a temporary one.

    Raises:
        ValueError: two services have the same name.
        pi_server.config.ConfigError: the configuration is wrong.
        pi_server.server.assembly.PluginsFailed: a service cannot be bound or started.
    """
    from aiohttp import ClientSession, CookieJar  # a test session that serves nothing need not pay for the server

    from pi_server.config import load
    from pi_server.server.assembly import PluginsFailed, assemble
    from pi_server.server.consumer_tls import consumer_tls
    from pi_server.server.listeners import bound, let_go, shown
    from pi_server.server.serve import listening

    given = _named(services)
    token = secrets.token_urlsafe(24)
    with _directory(directory) as home, _root_logger_kept():
        loaded = load(_write_config(home, given, token, config), {}, services=tuple(given))
        try:
            server = await assemble(loaded, given)
        except PluginsFailed as failed:
            failed.add_note("\n".join(f"{plugin.name}: {it}" for plugin in failed.plugins for it in plugin.failures))
            raise
        try:
            jar = CookieJar(unsafe=True)  # or it keeps no cookie of an address without a name
            settings = loaded.config.server
            sockets, tls = bound(settings), consumer_tls(settings)
            url = shown(sockets[0], secure=tls is not None)
            async with listening(server, settings, sockets, tls), ClientSession(url, cookie_jar=jar) as session:
                let_go(sockets)  # the server has its own
                yield Served(url=url, session=session, headers={"x-srv-token": token}, logs=loaded.config.logs.dir)
        finally:
            await server.close()


def _named(services: tuple[type[Service] | Service, ...]) -> dict[str, type[Service] | Service]:
    named = {_name(service if isinstance(service, type) else type(service)): service for service in services}
    if len(named) < len(services):
        raise ValueError("two services have the same name")
    return named


def _name(cls: type[Service]) -> str:
    """``AccountWithdrawal`` as configurations spell it: ``account_withdrawal``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower().strip("_")


def _write_config(home: Path, services: Mapping[str, object], token: str, config: Mapping[str, Any]) -> Path:
    mine = {
        "server": {"host": "127.0.0.1", "port": 0, "drain": "1s", "strict": True},
        "logs": {"access": {"output": "access.log"}},
        "guard": {"blocked": "60s"},  # or a slow machine writes into the error log of a test
        "tokens": {"test": {"sha256": digest(token), "scopes": ["*"]}},
        "services": {name: {"enabled": True} for name in services},
    }
    path = home / "config.yaml"
    path.write_text(json.dumps(_merged(mine, config)), encoding="utf-8")  # JSON is YAML
    return path


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, section by section; where they disagree ``above`` counts."""
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], Mapping) and isinstance(above[key], Mapping):
            merged[key] = _merged(below[key], above[key])
    return merged


@contextmanager
def _directory(given: Path | None) -> Generator[Path]:
    if given is not None:
        yield given
        return
    with TemporaryDirectory(prefix="pi-server-") as made:
        yield Path(made)


@contextmanager
def _root_logger_kept() -> Generator[None]:
    """The server owns its process's logging; a test does not."""
    root = logging.getLogger()
    level = root.level
    try:
        yield
    finally:
        root.setLevel(level)


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []
