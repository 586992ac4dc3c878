"""A server process whose stores are real databases, a plugin that needs them in every way, and whoever asks it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import ClientSession, ClientTimeout, CookieJar, TCPConnector

from tests.cli.made_up import install
from tests.cli.processes import Serving, serving
from tests.parts.waiting import until

TIMEOUT = 1.0
"""Seconds, as ``stores.timeout`` says."""

BOUND = 6.0
"""Seconds within which every call is answered: a few looks at the store, and a machine that is busy."""

RECOVERY = 15.0
"""Seconds after which all is well again, once the database is."""

KEEPER = """
from typing import Annotated
from pydantic import BaseModel
from pi_server import Call, Fault, Service, get, post
from pi_server.data import Collection, Index, KeyStore, StoreUnavailable, where
from pi_server.security import Sessions

class Note(BaseModel):
    name: str

class Made(Service):
    root = "/keeper"
    notes: Annotated[Collection[Note], Index("name", unique=True)]
    cache: KeyStore
    sessions: Sessions

    @get("/open", public=True)
    async def open_to_all(self, call: Call) -> str:
        "Need nothing."
        return "open"

    @post("/notes", public=True)
    async def keep(self, call: Call, name: str) -> str:
        "Write a document."
        return (await self.notes.insert(Note(name=name))).id

    @get("/notes/{name}", public=True)
    async def kept(self, call: Call, name: str) -> bool:
        "Read a document."
        return await self.notes.first(where("name").eq(name)) is not None

    @get("/cached/{name}", public=True)
    async def cached(self, call: Call, name: str) -> str:
        "Use the keys as a cache, which may be away."
        try:
            found = await self.cache.get(name)
            if found is None:
                await self.cache.put(name, b"x", lasting=60)
        except StoreUnavailable:
            return "away"
        return "hit" if found else "miss"

    @post("/counted/{name}", public=True)
    async def counted(self, call: Call, name: str) -> int:
        "Need the keys."
        return await self.cache.increment(name)

    @post("/in", public=True)
    async def sign_in(self, call: Call, user: str) -> None:
        "Begin a session."
        await self.sessions.open(call, user)

    @get("/me", chain="session")
    async def me(self, call: Call) -> str:
        "Need a session."
        return call.consumer.name
"""


class Answer(NamedTuple):
    """What came back: the status, the data or the code of the fault, the seconds it took, and ``Retry-After``."""

    status: int
    said: Any
    seconds: float
    retry_after: str


@dataclass(frozen=True)
class Asker:
    """Somebody who asks one server."""

    server: Serving
    http: ClientSession

    async def ask(self, verb: str, path: str, body: Any = None) -> Answer:
        """Ask; whatever is answered comes in time, is no 5xx but a declared 503, and says when to come back."""
        begun = time.monotonic()
        async with self.http.request(verb, self.server.address + path, json=body) as response:
            text = await response.text()
            answer = Answer(
                response.status, _said(text), time.monotonic() - begun, response.headers.get("Retry-After", "")
            )
        assert answer.status < 500 or answer[:2] == (503, "store_unavailable"), answer
        assert (answer.status == 503) == bool(answer.retry_after), answer
        assert answer.seconds < BOUND, answer
        return answer

    async def get(self, path: str) -> Answer:
        """Ask the plugin."""
        return await self.ask("GET", f"/keeper{path}")

    async def post(self, path: str, **body: Any) -> Answer:
        """Ask the plugin."""
        return await self.ask("POST", f"/keeper{path}", body or None)

    async def reasons(self) -> set[str]:
        """What keeps the server from being ready."""
        async with self.http.get(f"{self.server.address}/readyz") as response:
            told = await response.json()
        assert (response.status == 200) == (not told["reasons"])
        return set(told["reasons"])

    async def until_ready(self, *, ready: bool = True) -> None:
        """Wait until the server says so."""
        await until(lambda: self._is(ready=ready), f"ready: {ready}", RECOVERY)

    async def _is(self, *, ready: bool) -> bool:
        return ready == (not await self.reasons())

    def lines(self, *words: str) -> list[str]:
        """Lines of the error log in which all the words stand."""
        text = (self.server.folder / "var/logs/error.log").read_text().splitlines()
        return [line for line in text if all(word in line for word in words)]


def _said(text: str) -> Any:
    try:
        answer = json.loads(text)
    except ValueError:
        return text
    return answer["error"]["code"] if "error" in answer else answer.get("data")


@contextmanager
def keeping(folder: Path, **stores: str) -> Generator[Serving]:
    """A server process with the plugin, and that of accounts."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "site").exists():
        install(folder / "site", "keeper", KEEPER)
    config = {
        "server": {"timeout": "10s"},
        "stores": {"timeout": f"{TIMEOUT}s", **stores},
        "sessions": {"keep": "server"},
        "chains": {"session": ["session"], "people": ["session", "jwt", "csrf"]},
        "services": {"keeper": {"enabled": True}, "accounts": {"enabled": True, "chain": "people"}},
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    with serving(cwd=folder, PYTHONPATH=str(folder / "site")) as server:
        yield server


@asynccontextmanager
async def asking(server: Serving) -> AsyncGenerator[Asker]:
    """Somebody who asks it, with as many connections as there are questions."""
    async with ClientSession(
        cookie_jar=CookieJar(unsafe=True), connector=TCPConnector(limit=0), timeout=ClientTimeout(total=60)
    ) as http:
        yield Asker(server, http)
