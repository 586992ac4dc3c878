"""F20 to F30: one server lives through everything that may happen to a replica set of three."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymongo
import pytest
from pymongo.errors import PyMongoError

from tests.cli.processes import Serving
from tests.faults.scene import RECOVERY, Asker, asking, keeping
from tests.parts.mongo import MongoSet, replica_set_of_three
from tests.parts.waiting import until

pytestmark = pytest.mark.slow  # servers die, hang and fill up, and take their time

POOL = 10
"""Connections to each node."""

DATABASE = "kept"


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoSet]:
    """The set, which every test leaves whole."""
    with replica_set_of_three(tmp_path_factory.mktemp("set")) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def server(mongo: MongoSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The server, which is never started again."""
    with keeping(tmp_path_factory.mktemp("server"), documents=mongo.url(DATABASE, f"&maxPoolSize={POOL}")) as serving:
        yield serving


@pytest.fixture
async def asker(mongo: MongoSet, server: Serving) -> AsyncIterator[Asker]:
    """Somebody who finds everything as it should be, and leaves it so."""
    async with asking(server) as somebody:
        await somebody.until_ready()
        assert (await somebody.post("/notes", name=f"first {uuid4().hex}")).status == 200
        yield somebody
        await asyncio.to_thread(mongo.until_whole)
        await somebody.until_ready()
        assert not somebody.lines("Traceback")


class Writers:
    """Write one note after the other, and remember which were acknowledged."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._enough = False
        self.statuses = Counter[int]()
        self.acknowledged: list[str] = []

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Until left; what was acknowledged must be there then, as the set itself says."""
        tasks = [asyncio.create_task(self._write()) for _ in range(4)]
        try:
            await self.until_more()
            yield
            await self.until_more()
        finally:
            self._enough = True
            await asyncio.gather(*tasks)

    async def until_more(self) -> None:
        """Wait until twenty more were acknowledged."""
        enough = len(self.acknowledged) + 20

        async def are_there() -> bool:
            return len(self.acknowledged) >= enough

        await until(are_there, self.statuses, RECOVERY)

    async def _write(self) -> None:
        while not self._enough:
            name = uuid4().hex
            answer = await self._asker.post("/notes", name=name)
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self.acknowledged.append(name)

    def lost(self, mongo: MongoSet) -> set[str]:
        """What was acknowledged and is not there."""
        with pymongo.MongoClient[dict[str, Any]](mongo.url(DATABASE)) as client:
            notes = client.get_default_database()["keeper.notes"]
            found = {one["document"]["name"] for one in notes.find({}, {"document.name": 1})}
        return set(self.acknowledged) - found


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
async def test_f20_the_primary_is_killed(asker: Asker, mongo: MongoSet, kills: int) -> None:
    """Whoever writes meanwhile gets 200 or 503 in time; nothing that was acknowledged is lost; it goes on by itself."""
    for _ in range(kills):
        writers, primary = Writers(asker), mongo.primary()
        async with writers.at_work():
            mongo.kill(primary)
            await asyncio.to_thread(mongo.primary, primary)
        assert set(writers.statuses) <= {200, 503}
        mongo.revive(primary)
        await asyncio.to_thread(mongo.until_whole)
        assert not writers.lost(mongo)


async def test_f21_the_primary_steps_down(asker: Asker, mongo: MongoSet) -> None:
    """An election is not noticed, or costs a 503 in time; nothing is lost."""
    writers, primary = Writers(asker), mongo.primary()
    async with writers.at_work():
        await asyncio.to_thread(mongo.tell, primary, "replSetStepDown", 5, force=True)
        await asyncio.to_thread(mongo.primary, primary)
    assert set(writers.statuses) <= {200, 503}
    assert not writers.lost(mongo)


async def test_f22_the_primary_hangs(asker: Asker, mongo: MongoSet) -> None:
    """A stopped process keeps a port open and answers nothing: nobody waits for it beyond the time of a store."""
    writers, primary = Writers(asker), mongo.primary()
    process = mongo.processes[primary]
    try:
        async with writers.at_work():
            process.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(mongo.primary, primary)
    finally:
        process.send_signal(signal.SIGCONT)
    assert set(writers.statuses) <= {200, 503}
    await asyncio.to_thread(mongo.until_whole)
    assert not writers.lost(mongo)


async def test_f23_f24_all_nodes_die_and_a_server_starts_meanwhile(
    asker: Asker, mongo: MongoSet, tmp_path: Path
) -> None:
    """Old and new server are not ready, serve what needs no document, refuse the rest, and recover by themselves."""
    away, back = len(asker.lines("stores.documents is away")), len(asker.lines("stores.documents is back"))
    for node in range(3):
        mongo.kill(node)
    with keeping(tmp_path / "new", documents=mongo.url(DATABASE)) as server:
        async with asking(server) as another:
            for one in (asker, another):
                await one.until_ready(ready=False)
                assert await one.reasons() == {"stores.documents"}
                assert (await one.ask("GET", "/ping")).status == 200
                assert (await one.get("/open")).status == 200
                answers = await asyncio.gather(*(one.post("/notes", name="x") for _ in range(20)))
                answers += await asyncio.gather(*(one.get("/notes/x") for _ in range(20)))
                assert {answer.status for answer in answers} == {503}
            for node in range(3):
                mongo.revive(node)
            await asyncio.to_thread(mongo.primary)
            for one in (asker, another):
                await one.until_ready()
                assert (await one.post("/notes", name=uuid4().hex)).status == 200
            assert len(another.lines("stores.documents is away")) == 1
    assert len(asker.lines("stores.documents is away")) == away + 1
    assert len(asker.lines("stores.documents is back")) == back + 1


async def test_f25_no_majority(asker: Asker, mongo: MongoSet) -> None:
    """Two of three are gone: writes are refused, and so are reads, for what is left may be out of date."""
    gone = [node for node in range(3) if node != mongo.primary()]
    for node in gone:
        mongo.kill(node)
    await asker.until_ready(ready=False)
    assert {(await asker.post("/notes", name="x")).status, (await asker.get("/notes/x")).status} == {503}
    for node in gone:
        mongo.revive(node)
    await asyncio.to_thread(mongo.primary)
    await asker.until_ready()


async def test_f26_the_disk_of_the_primary_is_full(asker: Asker, mongo: MongoSet) -> None:
    """It ends, as MongoDB does where it cannot write; another one takes over, and nothing acknowledged is lost."""
    node = next(node for node in range(3) if node != mongo.primary())
    mongo.kill(node)
    mount = 'mount -t tmpfs -o size=400m none "$0" && exec "$@"'
    mongo.revive(node, "unshare", *_unshared(), "sh", "-c", mount, str(mongo.folder(node)))
    await asyncio.to_thread(mongo.until_whole)
    await _elect(mongo, node)
    writers = Writers(asker)
    async with writers.at_work():
        disk = Path(f"/proc/{mongo.processes[node].pid}/root{mongo.folder(node)}")
        await asyncio.to_thread(_fill, disk / "fill")
        await asyncio.to_thread(mongo.processes[node].wait, 60)
        await asyncio.to_thread(mongo.primary, node)
    assert set(writers.statuses) <= {200, 503}
    mongo.revive(node)
    await asyncio.to_thread(mongo.until_whole)
    assert not writers.lost(mongo)


def _unshared() -> tuple[str, ...]:
    """A place for mounts of one's own, for root and for others."""
    return ("--mount",) if os.geteuid() == 0 else ("--mount", "--map-root-user")


def _fill(file: Path) -> None:
    """Take all there is."""
    with suppress(OSError), file.open("wb", buffering=0) as filling:
        while True:
            filling.write(b"\0" * 65_536)


async def _elect(mongo: MongoSet, node: int) -> None:
    """Make a node the primary."""

    async def is_primary() -> bool:
        with suppress(PyMongoError):
            mongo.tell(node, "replSetStepUp")
        return mongo.states()[node] == "PRIMARY"

    await until(is_primary, "it is elected", 40)


async def test_f27_a_query_takes_too_long(asker: Asker, mongo: MongoSet) -> None:
    """503 in time, while others are served; the node is told how long it may take."""
    with mongo.hold(mongo.primary(), "find", 3000):
        slow = asyncio.create_task(asker.get("/notes/x"))
        assert (await asker.post("/notes", name=uuid4().hex)).status == 200
        assert (await slow).status == 503
    assert (await asker.get("/notes/x")).status == 200


async def test_f28_more_calls_than_connections(asker: Asker, mongo: MongoSet) -> None:
    """Those that find no connection in time get 503, none hangs, and afterwards everybody is served."""
    with mongo.hold(mongo.primary(), "find", 700):
        answers = await asyncio.gather(*(asker.get("/notes/x") for _ in range(6 * POOL)))
    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) <= {200, 503}
    assert statuses[503] >= 3 * POOL
    answers = await asyncio.gather(*(asker.get("/notes/x") for _ in range(6 * POOL)))
    assert {answer.status for answer in answers} == {200}


async def test_f29_fifty_sign_ups_with_one_name(asker: Asker) -> None:
    """Exactly one has it; the others hear that it is taken."""
    name = uuid4().hex
    answers = await asyncio.gather(*(asker.post("/notes", name=name) for _ in range(50)))
    assert Counter(answer.status for answer in answers) == {200: 1, 409: 49}


async def test_f30_a_failover_during_sign_ups(asker: Asker, mongo: MongoSet) -> None:
    """Who was told of an account has it; who was not may ask again; nobody has half of one, or two."""
    primary, names = mongo.primary(), [f"{uuid4().hex}@example.com" for _ in range(24)]

    async def sign_up(some: list[str]) -> list[int]:
        return [(await asker.ask("POST", "/accounts/signup/", _who(name))).status for name in some]

    signing = [asyncio.create_task(sign_up(names[start::4])) for start in range(4)]
    await asyncio.sleep(0.1)
    mongo.kill(primary)
    told = [status for task in signing for status in await task]
    assert set(told) <= {202, 503}
    await asyncio.to_thread(mongo.primary, primary)
    mongo.revive(primary)
    await asyncio.to_thread(mongo.until_whole)
    await asker.until_ready()
    taken = dict(zip([name for start in range(4) for name in names[start::4]], told, strict=True))
    for name in names:
        if taken[name] == 503:
            assert (await asker.ask("POST", "/accounts/signup/", _who(name))).status == 202
        assert (await asker.ask("POST", "/accounts/signin/", _who(name))).status == 200
    with pymongo.MongoClient[dict[str, Any]](mongo.url(DATABASE)) as client:
        found = client.get_default_database()["accounts.accounts"].find({"document.email": {"$in": names}})
        assert Counter(one["document"]["email"] for one in found) == dict.fromkeys(names, 1)


def _who(name: str) -> dict[str, str]:
    return {"email": name, "password": "correct horse battery staple"}
