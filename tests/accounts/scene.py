"""The accounts plugin on a real server, and people who ask it: programs with a token, browsers with a session."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from multidict import CIMultiDict

from pi_accounts.service import Accounts
from pi_server.testing import Served, serve

ROOT = "/accounts"
PASSWORD = "correct horse battery staple"
TAKEN = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
RECORD: Mapping[str, Any] = MappingProxyType(
    {
        "kind": "blood pressure",
        "taken": TAKEN.isoformat(),
        "value": "118/76",
        "unit": "mmHg",
        "note": "a secret of one's own",
        "position": {"type": "Point", "coordinates": [2.35, 48.86], "gpsOrientation": 12.5},
        "extra": {"pulse": 61},
    }
)
CHAINS: Mapping[str, Any] = MappingProxyType({"people": ["session", "jwt", "csrf"]})


def configuration(**more: Any) -> dict[str, Any]:
    """As the shipped ``config.yaml`` has it; ``more`` are other sections."""
    return {"chains": dict(CHAINS), "services": {"accounts": {"chain": "people"}}, **more}


@asynccontextmanager
async def serving(directory: Path, **more: Any) -> AsyncGenerator[Served]:
    """A server in a folder of its own."""
    directory.mkdir(exist_ok=True)
    async with serve(Accounts, config=configuration(**more), directory=directory) as server:
        yield server


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the body, and the headers."""

    status: int
    body: Any
    headers: CIMultiDict[str]

    @property
    def data(self) -> Any:
        """What a success holds."""
        assert self.status < 400, self.body
        return self.body["data"]

    @property
    def code(self) -> str:
        """The code of a fault."""
        return str(self.body["error"]["code"])


@dataclass
class Person:
    """Somebody who asks with a token; cookies are kept apart from other people's."""

    server: Served
    email: str = "ann@example.com"
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    source: str = "127.0.0.1"

    async def ask(self, verb: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Ask below the plugin's root."""
        shown = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers = {"Origin": self.server.url, **shown, **self.headers, **options.pop("headers", {})}
        url = f"{self.server.url}{ROOT}{path}"
        async with (
            ClientSession(cookie_jar=DummyCookieJar(), connector=TCPConnector(local_addr=(self.source, 0))) as http,
            http.request(verb, url, json=body, headers=headers, **options) as answer,
        ):
            is_json = answer.content_type == "application/json"
            return Answer(
                answer.status, await (answer.json() if is_json else answer.text()), CIMultiDict(answer.headers)
            )

    async def sign_up(self, password: str = PASSWORD) -> Person:
        """Take an account."""
        answer = await self.ask("POST", "/signup/", {"email": self.email, "password": password})
        assert answer.status == 202, answer.body
        return self

    async def try_sign_in(self, password: str = PASSWORD) -> Answer:
        """Sign in, or try to."""
        return await self.ask("POST", "/signin/", {"email": self.email, "password": password})

    async def sign_in(self, password: str = PASSWORD) -> Person:
        """The same person with a token."""
        answer = await self.try_sign_in(password)
        return Person(self.server, self.email, answer.data["Token"])

    async def browse(self, password: str = PASSWORD) -> Person:
        """The same person with a browser that signed in on the page, and the token for its forms."""
        form = {"email": self.email, "password": password}
        answer = await self.ask("POST", "/signin/", data=form, allow_redirects=False)
        assert answer.status == 303, answer.body
        cookies = [line.split(";")[0] for line in answer.headers.getall("Set-Cookie") if "Max-Age=0" not in line]
        (token,) = (cookie.partition("=")[2] for cookie in cookies if "-csrf=" in cookie)
        return Person(self.server, self.email, headers={"Cookie": "; ".join(cookies), "x-csrf-token": token})

    async def session(self) -> str:
        """The id of the session this browser has."""
        (id_,) = (one["id"] for one in (await self.ask("GET", "/sessions/")).data["sessions"] if one["this"])
        return str(id_)

    async def add(self, **fields: Any) -> Any:
        """Add a record."""
        return (await self.ask("POST", "/user/add/", {**RECORD, **fields})).data

    async def records(self) -> list[Any]:
        """All records of this person."""
        found: list[Any] = (await self.ask("GET", "/records/?limit=100")).data["records"]
        return found


async def person(server: Served, name: str = "ann", password: str = PASSWORD) -> Person:
    """Somebody with an account who signed in."""
    return await (await Person(server, f"{name}@example.com").sign_up(password)).sign_in(password)
