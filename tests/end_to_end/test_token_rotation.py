"""A service token is exchanged while it is in use, on two server processes that share their store."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.made_up import HEALTHY, install
from tests.cli.processes import Serving, pi, serving
from tests.end_to_end.notes import WITHIN_A_SECOND, http_session
from tests.parts.waiting import until

if TYPE_CHECKING:
    from aiohttp import ClientSession

GUARDED = HEALTHY.replace(", public=True", ', scope="up"')
ASKERS = 3  # at each server


@dataclass
class Load:
    """Consumers that ask without a pause, each with the token it holds at that moment."""

    http: ClientSession
    servers: tuple[Serving, ...]
    token: str
    answered: Counter[tuple[str, int]] = field(default_factory=Counter[tuple[str, int]])

    async def status(self, server: Serving, token: str) -> int:
        """Of one request."""
        async with self.http.get(f"{server.address}/made/up", headers={"x-srv-token": token}) as response:
            return response.status

    async def keep_asking(self, server: Serving) -> None:
        """Until it is cancelled."""
        while True:
            token = self.token
            self.answered[token, await self.status(server, token)] += 1
            await asyncio.sleep(0.002)

    async def more(self, requests: int = 60) -> None:
        """Wait for so many answers to the token of this moment."""
        token = self.token
        enough = self.answered[token, 200] + requests
        await until(lambda: self.answered[token, 200] >= enough or self.refused, "so many answers")

    @property
    def refused(self) -> int:
        """Answers other than 200."""
        return sum(count for (_, status), count in self.answered.items() if status != 200)

    async def until_refused(self, token: str) -> None:
        """Both servers refuse a token; fails when that takes too long."""

        async def are_refusing() -> bool:
            return {await self.status(server, token) for server in self.servers} == {401}

        await until(are_refusing, "a refusal", WITHIN_A_SECOND)


@pytest.fixture
def servers(tmp_path: Path) -> Generator[tuple[Serving, ...]]:
    """Two processes with one operation behind a token, on one folder of data."""
    install(tmp_path / "site", "made", GUARDED)
    with ExitStack() as stack:
        started: list[Serving] = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            config = f"server: {{data_dir: {tmp_path / 'data'}}}\nservices: {{made: {{enabled: true}}}}\n"
            (tmp_path / name / "config.yaml").write_text(config)
            site = str(tmp_path / "site")
            started.append(stack.enter_context(serving(cwd=tmp_path / name, PYTHONPATH=site)))
        yield tuple(started)


async def _token(server: Serving, *arguments: str) -> str:
    """What ``pi-server token`` prints, beside the event loop: the load goes on meanwhile."""
    site = str(server.folder.parent / "site")
    done = await asyncio.to_thread(pi, "token", *arguments, cwd=server.folder, PYTHONPATH=site)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@asynccontextmanager
async def _load(servers: tuple[Serving, ...], token: str) -> AsyncGenerator[Load]:
    async with http_session() as http, asyncio.TaskGroup() as group:
        load = Load(http, servers, token)
        tasks = [group.create_task(load.keep_asking(server)) for server in servers for _ in range(ASKERS)]
        try:
            yield load
        finally:
            for task in tasks:
                task.cancel()


async def test_nobody_is_refused_while_a_token_is_exchanged(servers: tuple[Serving, ...]) -> None:
    """The old token before, during and after ``rotate``, then the new one: no refusal; ``revoke`` ends both at once."""
    first = await _token(servers[0], "create", "billing", "--scope", "up")
    async with _load(servers, first) as load:
        await load.more()
        second = await _token(servers[1], "rotate", "billing", "--overlap", "1h")
        await load.more()
        load.token = second
        await load.more()
        assert {await load.status(server, first) for server in servers} == {200}
        assert load.refused == 0
        assert min(load.answered[token, 200] for token in (first, second)) >= 60
    async with http_session() as http:
        load = Load(http, servers, second)
        assert await _token(servers[0], "revoke", "billing") == "billing is revoked; workers refuse it within a second."
        await load.until_refused(first)
        await load.until_refused(second)


async def test_the_old_token_ends_with_the_overlap(servers: tuple[Serving, ...]) -> None:
    """Who moved over in time is never refused; the token before is, and then one may rotate again."""
    first = await _token(servers[0], "create", "billing", "--scope", "up")
    async with _load(servers, first) as load:
        await load.more(1)
        load.token = await _token(servers[0], "rotate", "billing", "--overlap", "4s")
        ends = time.monotonic() + 4
        await load.more()
        await asyncio.sleep(max(0.0, ends - time.monotonic()))
        await load.until_refused(first)
        load.token = await _token(servers[1], "rotate", "billing")
        await load.more()
        assert load.refused == 0
