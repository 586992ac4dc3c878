"""Stores that are away, mute, broken or too new: what does not need them is served, and nobody waits long."""

import asyncio
import json
import socket
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pi_server import Call, Service, get, post
from pi_server.config import ConfigError
from pi_server.data import Collection
from pi_server.security import Sessions, TokenIssuer
from pi_server.testing import Serve, Served
from tests.cli.processes import pi
from tests.parts.processes import free_port
from tests.parts.redis import redis_on, tell

TIMEOUT = 0.5  # of the stores
SLACK = 10  # what a busy machine may add: thirty calls one after the other take 15 s, a driver of its own accord 20 s
CHAINS = {"chains": {"session": ["session"], "jwt": ["jwt"]}}
UNKNOWN = {"x-srv-token": "pi_" + "a" * 43}


class User(BaseModel):
    """What is kept."""

    name: str


class Keeper(Service):
    """Needs every store, for some of what it does."""

    root = "/keeper"
    users: Collection[User]
    sessions: Sessions
    issuer: TokenIssuer

    @get("/open", public=True)
    async def open_to_all(self, call: Call) -> str:
        """Need nothing."""
        return "open"

    @get("/machine")
    async def machine(self, call: Call) -> str:
        """Need a service token."""
        return "machine"

    @get("/count", public=True)
    async def count(self, call: Call) -> int:
        """Need documents."""
        return await self.users.count()

    @post("/keep", public=True)
    async def keep(self, call: Call, name: str) -> str:
        """Need documents."""
        return (await self.users.insert(User(name=name))).id

    @post("/in", public=True)
    async def sign_in(self, call: Call, user: str) -> str:
        """Need no store with sealed cookies."""
        await self.sessions.open(call, user)
        return self.issuer.issue(user)

    @get("/session", chain="session")
    async def session(self, call: Call) -> str:
        """Need to know what is revoked."""
        return call.consumer.name

    @get("/jwt", chain="jwt")
    async def jwt(self, call: Call) -> str:
        """Need to know what is revoked."""
        return call.consumer.name


@pytest.fixture(params=["closed", "mute"])
def port(request: pytest.FixtureRequest) -> Generator[int]:
    """A port where nobody is, or somebody who never says a word."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if request.param == "mute":
            taken.listen(500)
        yield taken.getsockname()[1]


async def _ask(served: Served, verb: str, path: str, **given: Any) -> tuple[int, float]:
    """Status of an answer, and the seconds it took."""
    start = time.monotonic()
    async with served.session.request(verb, f"/keeper/{path}", **given) as response:
        await response.read()
        return response.status, time.monotonic() - start


def _away(port: int, **more: Any) -> dict[str, Any]:
    mongo, redis = f"mongodb://127.0.0.1:{port}/kept", f"redis://127.0.0.1:{port}/0"
    return {**CHAINS, "stores": {"documents": mongo, "keys": redis, "timeout": f"{TIMEOUT}s", **more}}


async def test_what_needs_no_store_is_served_and_the_rest_is_503_in_time(serve: Serve, port: int) -> None:
    """Also 30 calls at once wait no longer than one; and the log has a line for each outage, not for each call."""
    config = {**_away(port), "limits": {"rates": {"address": "10000/minute"}}}
    async with serve(Keeper, config=config) as served:
        async with served.session.get("/ping") as response:
            assert response.status == 200
        assert (await _ask(served, "GET", "open"))[0] == 200
        assert (await _ask(served, "GET", "machine", headers=served.headers))[0] == 200
        body = {"user": "ann"}
        async with served.session.post("/keeper/in", json=body) as response:
            bearer = {"Authorization": f"Bearer {(await response.json())['data']}"}
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("GET", "count", {}),
            ("POST", "keep", {"json": {"name": "x"}}),
            ("GET", "session", {}),
        ]
        calls += [("GET", "machine", {"headers": UNKNOWN}), ("GET", "jwt", {"headers": bearer})]
        for times in (1, 6):
            answers = await asyncio.gather(*(_ask(served, v, p, **g) for v, p, g in calls * times))
            assert {status for status, _ in answers} == {503}
            assert max(seconds for _, seconds in answers) < 2 * TIMEOUT + SLACK
        told = (served.logs / "error.log").read_text().splitlines()
    assert len(told) <= 6
    assert not [line for line in told if line.startswith(" ")]  # no trace


async def test_an_operator_may_let_sessions_be_believed_meanwhile(serve: Serve, port: int) -> None:
    """``when_away: allow``."""
    async with serve(Keeper, config=_away(port, documents="memory", when_away="allow")) as served:
        assert (await _ask(served, "POST", "in", json={"user": "ann"}))[0] == 200
        assert (await _ask(served, "GET", "session"))[0] == 200


def _garbage(file: Path) -> None:
    file.write_bytes(b"garbage" * 1000)


def _folder(file: Path) -> None:
    file.mkdir()


def _newer(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("name", ["pi-server.sqlite3", "keys.sqlite3"])
@pytest.mark.parametrize("damage", [_garbage, _folder, _newer])
def test_a_file_that_cannot_be_used_ends_the_start(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    """Status 78 and one line that names the file; no trace."""
    (tmp_path / "config.yaml").write_text(json.dumps({"server": {"port": 0}}))
    (tmp_path / "var").mkdir()
    damage(tmp_path / "var" / name)
    ended = pi("run", cwd=tmp_path)
    assert ended.returncode == 78
    assert [name in line for line in ended.stderr.splitlines()] == [True]


async def test_a_redis_of_a_later_version_ends_the_start(serve: Serve, tmp_path: Path, patient: None) -> None:
    """As a file of one does."""
    port = free_port()
    with redis_on(port, tmp_path / "redis"):
        tell(port, "SET", "pi:schema", "99")
        with pytest.raises(ConfigError, match="schema 99"):
            async with serve(Keeper, config=_away(port, documents="memory", timeout="8s")):
                pass


@pytest.mark.slow
async def test_a_redis_that_comes_back_is_used_again(serve: Serve, tmp_path: Path) -> None:
    """Killed while serving: refused after five seconds; back within one; a line at each turn, from each who asks."""
    port = free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(redis_on(port, tmp_path / "redis"))
        async with serve(Keeper, config=_away(port, documents="memory")) as served:
            assert (await _ask(served, "POST", "in", json={"user": "ann"}))[0] == 200
            assert (await _ask(served, "GET", "session"))[0] == 200
            redis.kill()
            redis.wait()
            await asyncio.sleep(6)
            answers = await asyncio.gather(*(_ask(served, "GET", "session") for _ in range(200)))
            assert {status for status, _ in answers} == {503}
            stack.enter_context(redis_on(port, tmp_path / "redis"))
            await asyncio.sleep(2)
            assert (await _ask(served, "GET", "session"))[0] == 200
            told = (served.logs / "error.log").read_text().splitlines()
    assert sorted("WARNING" in line for line in told) == [False, False, True, True]
