"""F31 and F36 to F38: a Redis that comes late, is full, holds what nobody understands, or is misspelt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pi_server.config import ConfigError, load
from pi_server.server.stores import open_stores
from tests.cli.processes import Serving, pi
from tests.faults.scene import RECOVERY, Asker, asking, keeping
from tests.parts.processes import free_port
from tests.parts.redis import redis_on, tell
from tests.parts.waiting import until

pytestmark = pytest.mark.slow  # servers die, hang and fill up, and take their time

MISSPELT = (
    "",
    "redis",
    "redis:",
    "redis://",
    "redis:///0",
    "redis:/127.0.0.1:6379",
    "redis//127.0.0.1:6379",
    "http://127.0.0.1:6379",
    "redis://:hunter2@127.0.0.1:port/0",
    "redis://:hunter2@127.0.0.1:0/0",
    "redis://:hunter2@127.0.0.1:65536/0",
    "redis://:hunter2@127.0.0.1:6379/zero",
    "redis://:hunter2@127.0.0.1:6379/0/1",
    "redis://:hunter2@127.0.0.1:6379/-1",
    "redis://:hunter2@[::1/0",
    "redis://:hunter2@my host:6379/0",
    "redis://:hunter2@127.0.0.1:6379/0 ",
    " redis://:hunter2@127.0.0.1:6379/0",
    "redis://:hunter2@127.0.0.1:6379/0#1",
    "redis://:hunter2@127.0.0.1:6379/0?nonsense=1",
    "redis://:hunter2@127.0.0.1:6379/0?socket_timeout=x",
    "redis://:hunter2@:6379/0",
    "localhost",
    "localhost:",
    "localhost:x",
    "localhost:70000",
    ":6379",
    "a:1,b",
    "a:1,,b:2",
    "a:1;b:2",
    "a:1 b:2",
    "redis://a:1,redis://b:2",
    "sqllite",
    "mongodb://127.0.0.1/x",
    "redis+sentinel://a:1/x",
)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[int]:
    """The port of a server of one's own."""
    port = free_port()
    with redis_on(port, tmp_path / "redis"):
        yield port


@pytest.fixture
def server(redis: int, tmp_path: Path) -> Iterator[Serving]:
    """A server that has its keys there."""
    with keeping(tmp_path / "server", keys=f"redis://127.0.0.1:{redis}/0") as serving:
        yield serving


async def _signs_in(asker: Asker) -> bool:
    return (await asker.post("/in", user="ann")).status < 300 and (await asker.get("/me")).said == "ann"


async def test_f31_it_is_away_at_the_start(tmp_path: Path) -> None:
    """The server starts, is not ready, serves what needs no keys, and all else once they are there."""
    port = free_port()
    with keeping(tmp_path / "server", keys=f"redis://127.0.0.1:{port}/0") as server:
        async with asking(server) as asker:
            await asker.until_ready(ready=False)
            assert await asker.reasons() == {"stores.keys"}
            assert (await asker.ask("GET", "/ping")).status == 200
            assert (await asker.get("/open")).status == 200
            assert (await asker.get("/cached/x"))[:2] == (200, "away")
            assert {(await asker.post("/counted/x")).status, (await asker.post("/in", user="ann")).status} == {503}
            with redis_on(port, tmp_path / "redis"):
                await asker.until_ready()
                assert (await asker.post("/counted/x")).said == 1
                await until(lambda: _signs_in(asker), "what is revoked is known again", RECOVERY)
            assert [len(asker.lines("stores.keys", word)) for word in ("is away", "is back")] == [1, 1]
            assert not asker.lines("Traceback")


async def test_f36_its_memory_is_full(server: Serving, redis: int) -> None:
    """What is kept is read and nothing more is written: 503, or a miss; with room again, all is as before."""
    async with asking(server) as asker:
        assert await _signs_in(asker)
        tell(redis, "CONFIG", "SET", "maxmemory", 1)
        answers = await asyncio.gather(*(asker.post("/counted/x") for _ in range(20)))
        assert {answer.status for answer in answers} == {503}
        assert (await asker.get("/cached/x"))[:2] == (200, "away")
        assert (await asker.get("/me")).said == "ann"
        assert not await asker.reasons()
        tell(redis, "CONFIG", "SET", "maxmemory", 0)
        assert (await asker.post("/counted/x")).said == 1
        assert not asker.lines("Traceback")


async def test_f37_values_that_nobody_understands(server: Serving, redis: int) -> None:
    """Whatever stands under any key (None: a list): as if nothing were there, or 503; then all is as before."""
    async with asking(server) as asker:
        for value in (b"\xff\0garbage", b"[1,2,3,4,5,6,7,8]", b"[" * 60_000, b"", None):
            await until(lambda: _signs_in(asker), "a sign-in", RECOVERY)
            assert (await asker.post("/counted/x")).said == 1
            for key in tell(redis, "KEYS", "*"):
                tell(redis, "DEL", key)
                tell(redis, *(("RPUSH", key, "x") if value is None else ("SET", key, value)))
            assert (await asker.get("/me")).status in (401, 503)
            assert (await asker.post("/counted/x")).status == 503
            assert (await asker.get("/open")).status == 200
            tell(redis, "FLUSHALL")
            await asker.until_ready()
        assert not asker.lines("Traceback")


@pytest.mark.parametrize("text", MISSPELT)
async def test_f38_a_text_that_names_no_redis(tmp_path: Path, text: str) -> None:
    """It is refused before anything is opened, by one line that names the key and tells no password."""
    (tmp_path / "config.yaml").write_text(json.dumps({"stores": {"keys": text}}))
    with pytest.raises(ConfigError) as refused:
        async with AsyncExitStack() as opened:
            await open_stores(load(tmp_path / "config.yaml", {}).config, opened)
    (line,) = str(refused.value).splitlines()
    assert "stores" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("text", ["redis:/127.0.0.1:6379", "redis://:hunter2@127.0.0.1:6379/zero"])
def test_f38_the_start_ends_with_78(tmp_path: Path, text: str) -> None:
    """By the variable too, and with one line."""
    (tmp_path / "config.yaml").write_text("")
    ended = pi("run", cwd=tmp_path, REDIS_URL=text)
    assert ended.returncode == 78
    (line,) = ended.stderr.splitlines()
    assert "stores" in line
    assert "hunter2" not in line
