"""F32 to F35: one server lives through everything that may happen to a cluster of three masters and their replicas."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from redis.crc import key_slot

from tests.cli.processes import Serving
from tests.faults.scene import RECOVERY, Asker, asking, keeping
from tests.parts.redis import RedisCluster, redis_cluster_in, tell
from tests.parts.waiting import until, wait_until

pytestmark = pytest.mark.slow  # servers die, hang and fill up, and take their time

STALL = 2.5
"""Seconds an answer may take for which the cluster is a cache: two questions of 0.6, and a machine that is busy."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """The cluster, which every test leaves whole."""
    with redis_cluster_in(tmp_path_factory.mktemp("cluster"), "--repl-diskless-sync-delay", "0") as nodes:
        nodes.add_replicas()
        yield nodes


@pytest.fixture(scope="module")
def server(cluster: RedisCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The server, which is never started again."""
    with keeping(tmp_path_factory.mktemp("server"), keys=cluster.nodes) as serving:
        yield serving


@pytest.fixture
async def asker(cluster: RedisCluster, server: Serving) -> AsyncIterator[Asker]:
    """Somebody who finds everything as it should be, and leaves it so."""
    async with asking(server) as somebody:
        await somebody.until_ready()
        yield somebody
        await asyncio.to_thread(cluster.until_whole)
        await somebody.until_ready()
        assert not somebody.lines("Traceback")


class Users:
    """Count, and look into a cache, under names that lie on all masters."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._enough = False
        self.names = [uuid4().hex for _ in range(12)]
        self.counted = Counter[int]()
        self.numbers: dict[str, list[int]] = {name: [] for name in self.names}

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Until left; before and afterwards everybody is served."""
        tasks = [asyncio.create_task(self._work(name)) for name in self.names]
        try:
            await self.until_served()
            yield
            await self.until_served()
        finally:
            self._enough = True
            await asyncio.gather(*tasks)

    async def until_served(self) -> None:
        """Wait until each name was counted again."""
        before = {name: len(numbers) for name, numbers in self.numbers.items()}

        async def are_served() -> bool:
            return all(len(self.numbers[name]) > before[name] for name in self.names)

        await until(are_served, self.counted, RECOVERY)

    async def _work(self, name: str) -> None:
        while not self._enough:
            answer = await self._asker.post(f"/counted/{name}")
            self.counted[answer.status] += 1
            if answer.status == 200:
                self.numbers[name].append(answer.said)
            cached = await self._asker.get(f"/cached/{uuid4().hex}")
            assert cached.status == 200, cached
            assert cached.seconds < STALL, cached
            await asyncio.sleep(0.02)


async def test_f32_a_master_is_killed(asker: Asker, cluster: RedisCluster) -> None:
    """503 in time for what it had, a miss for who uses it as a cache; its replica is found, without a restart."""
    users = Users(asker)
    master = _master_of(cluster, users.names[0])
    async with users.at_work():
        cluster.kill(master)
        await asyncio.to_thread(_until_another, cluster, users.names[0], master)
    assert set(users.counted) <= {200, 503}
    cluster.revive(master)


async def test_f33_a_master_hangs(asker: Asker, cluster: RedisCluster) -> None:
    """A stopped process holds up nobody for longer than a dead one."""
    users = Users(asker)
    master = _master_of(cluster, users.names[0])
    process = cluster.processes[master]
    try:
        async with users.at_work():
            process.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(_until_another, cluster, users.names[0], master)
    finally:
        process.send_signal(signal.SIGCONT)
    assert set(users.counted) <= {200, 503}


def _key(name: str) -> str:
    """As Redis knows it."""
    return f"pi:key:service:keeper:{name}"


def _master_of(cluster: RedisCluster, name: str) -> int:
    """The node that has a name."""
    return cluster.ports.index(cluster.master_of(_key(name)))


def _until_another(cluster: RedisCluster, name: str, than: int) -> None:
    """Wait until another node has it."""
    wait_until(lambda: _master_of(cluster, name) != than, "another master")


async def test_f34_all_nodes_die(asker: Asker, cluster: RedisCluster) -> None:
    """Not ready, 503 for who needs the keys, a miss for who need not; one line; back when they are."""
    away, back = len(asker.lines("stores.keys is away")), len(asker.lines("stores.keys is back"))
    for node in range(6):
        cluster.kill(node)
    await asker.until_ready(ready=False)
    assert await asker.reasons() == {"stores.keys"}
    answers = await asyncio.gather(*(asker.post(f"/counted/{number}") for number in range(100)))
    assert {answer.status for answer in answers} == {503}
    cached = await asyncio.gather(*(asker.get(f"/cached/{number}") for number in range(100)))
    assert {answer[:2] for answer in cached} == {(200, "away")}
    assert max(answer.seconds for answer in cached) < STALL
    for node in range(6):
        cluster.revive(node)
    await asker.until_ready()
    await asyncio.to_thread(cluster.until_whole)
    assert len(asker.lines("stores.keys is away")) == away + 1
    assert len(asker.lines("stores.keys is back")) == back + 1


async def test_f35_slots_move_all_the_time(asker: Asker, cluster: RedisCluster) -> None:
    """Every key moves to and fro while it is counted: nobody notices, and nothing is counted twice or not at all."""
    users = Users(asker)
    async with users.at_work():
        for _ in range(3):
            for name in users.names:
                await asyncio.to_thread(_move, cluster, _key(name))
    assert set(users.counted) == {200}
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in users.numbers.values())


def _move(cluster: RedisCluster, key: str) -> None:
    """Give the slot of a key to another master, as ``redis-cli --cluster reshard`` does."""
    slot, here = key_slot(key.encode()), cluster.master_of(key)
    masters = {port for _, _, port in cluster.masters()}
    there = next(port for port in masters if port != here)
    ids = {port: tell(port, "CLUSTER MYID") for port in (here, there)}
    tell(there, "CLUSTER SETSLOT", slot, "IMPORTING", ids[here])
    tell(here, "CLUSTER SETSLOT", slot, "MIGRATING", ids[there])
    while keys := tell(here, "CLUSTER GETKEYSINSLOT", slot, 100):
        tell(here, "MIGRATE", "127.0.0.1", there, "", 0, 5000, "KEYS", *keys)
    for port in (there, here, *(masters - {there, here})):
        tell(port, "CLUSTER SETSLOT", slot, "NODE", ids[there])
