"""The plugin of ``docs/keeping-state.md`` on real servers, asked as browsers and programs ask."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from tests.cli.processes import Serving, serving
from tests.docs.pages import DOCS, Block, blocks
from tests.parts.redis import make_patient
from tests.parts.waiting import until

ROOT = "/api/notes/v1.0"
WITHIN_A_SECOND = 10.0  # seconds: what is promised, and what a busy machine adds; who is not told lets in for minutes
_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: pi-notes\nVersion: 0.1.0\nRequires-Dist: pi-server>=0.1\n",
    "entry_points.txt": "[pi_server.services]\nnotes = pi_notes.service:Notes\n",
}


def install_notes(folder: Path) -> Path:
    """Put the page's package into ``folder``, as an installation would leave it."""
    files = {
        block.file: block.text for block in blocks(DOCS / "keeping-state.md") if block.file.startswith("pi_notes/")
    }
    files |= {f"pi_notes-0.1.0.dist-info/{name}": text for name, text in _INFO.items()}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    make_patient(folder)
    return folder


def page_configuration() -> str:
    """The page's own ``config.yaml``."""
    return next(block.text for block in _files() if block.file == "config.yaml")


def _files() -> list[Block]:
    return [block for block in blocks(DOCS / "keeping-state.md") if block.file]


@contextmanager
def serving_notes(folder: Path, site: Path, stores: str) -> Generator[Serving]:
    """A server process in a folder of its own; ``stores`` is what is added to the page's configuration."""
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(page_configuration() + stores)
    with serving(cwd=folder, PYTHONPATH=str(site)) as server:
        yield server


@asynccontextmanager
async def http_session() -> AsyncGenerator[ClientSession]:
    """Sends what it is told, and keeps no cookie by itself."""
    async with ClientSession(cookie_jar=DummyCookieJar(), connector=TCPConnector(force_close=True)) as http:
        yield http


@dataclass(frozen=True)
class Asker:
    """Somebody at one address, with a browser's cookies or a program's token, or with neither."""

    http: ClientSession
    url: str
    token: str = ""
    cookies: dict[str, str] = field(default_factory=dict[str, str])

    def at(self, server: Serving) -> Asker:
        """The same one at another server; the cookies are copies."""
        return replace(self, url=server.address, cookies=dict(self.cookies))

    async def ask(self, verb: str, path: str = "", body: Any = None) -> tuple[int, Any]:
        """The status, and the data or the code of the fault."""
        async with self.http.request(verb, self.url + ROOT + path, json=body, headers=self._headers()) as response:
            self._take(response.headers.getall("Set-Cookie", ()))
            answer: Any = await response.json() if response.status != 204 else {"data": None}
            return response.status, answer["data"] if "data" in answer else answer["error"]["code"]

    async def known(self) -> bool:
        """Whether the server takes whoever this is for somebody."""
        status, answer = await self.ask("GET")
        assert (status, answer) == (401, "unauthenticated") or status == 200, answer
        return status == 200

    def _headers(self) -> dict[str, str]:
        headers = {"Origin": self.url}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            headers["x-csrf-token"] = self.cookies.get("pi-session-csrf", "")
        return headers

    def _take(self, lines: Any) -> None:
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                self.cookies.pop(name, None)
                if morsel.value:
                    self.cookies[name] = morsel.value


def sign_in_of(name: str) -> dict[str, str]:
    """What somebody sends to sign up and in."""
    return {"name": name, "password": f"the password of {name}"}


async def browser(http: ClientSession, server: Serving, name: str) -> Asker:
    """Somebody who signed in and has the cookies of it."""
    asker = Asker(http, server.address)
    status, answer = await asker.ask("POST", "/sign-in", sign_in_of(name))
    assert status == 200, answer
    assert {"pi-session", "pi-session-csrf"} == set(asker.cookies)
    return asker


async def program(http: ClientSession, server: Serving, name: str) -> Asker:
    """Somebody who signed in and has a token of it."""
    status, answer = await Asker(http, server.address).ask("POST", "/token", sign_in_of(name))
    assert status == 200, answer
    return Asker(http, server.address, token=answer["token"])


async def until_refused(*askers: Asker) -> None:
    """Wait until nobody knows any of them any more; fails when it takes too long."""
    left = list(askers)

    async def are_refused() -> bool:
        left[:] = [asker for asker in left if await asker.known()]
        return not left

    await until(are_refused, "a refusal", WITHIN_A_SECOND)


def settled(answer: Any) -> Any:
    """An answer with its ids, times and cursors made equal."""
    return json.loads(re.sub(r'"(id|written|until|next)": "[^"]+"', r'"\1": "..."', json.dumps(answer)))
