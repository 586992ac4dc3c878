"""Keys in Redis when things go wrong: real servers are killed, stopped, filled, locked and started again."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import redis

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import KeyStore, StoreTooNewError
from pi_server.stores.open_keys import open_keys
from tests.parts.processes import free_port
from tests.parts.redis import RedisCluster, redis_cluster_in, redis_on, tell
from tests.parts.waiting import in_time, until

_TIMEOUT = 2.0
_LONGEST = 8.0  # as may be configured
_PROMPT = 1.5  # seconds: an answer of 0.5 that is missed, and a machine that is busy
_NAMES = [f"k{number}" for number in range(60)]


@asynccontextmanager
async def _keys(where: str | int, timeout: float = _LONGEST) -> AsyncGenerator[KeyStore]:
    url = f"redis://127.0.0.1:{where}" if isinstance(where, int) else where
    keys = await open_keys(url, Path("not needed"), timeout)
    try:
        yield keys
    finally:
        await keys.close()


async def _refused(keys: KeyStore) -> str:
    """Ask for everything; each must be refused, in time.  The reason of the last."""
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: keys.get("k"),
        lambda: keys.get_many(_NAMES),
        lambda: keys.put("k", b"v"),
        lambda: keys.add("k", b"v"),
        lambda: keys.replace("k", b"v", old=b"v"),
        lambda: keys.delete("k"),
        lambda: keys.increment("k"),
        keys.ping,
    ]
    reason = ""
    for ask in asked:
        reason = await in_time(_PROMPT, partial(_reason, ask))
    return reason


async def _reason(ask: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(StoreUnavailable) as refused:
        await ask()
    return refused.value.reason


async def _asked_at_once(keys: KeyStore) -> list[bytes | BaseException | None]:
    return await asyncio.gather(*(keys.get("k") for _ in range(200)), return_exceptions=True)


async def _found(keys: KeyStore) -> set[str]:
    """Which of the names still have their value; nothing but `StoreUnavailable` may come of asking, and in time."""
    answers = await in_time(_PROMPT, lambda: asyncio.gather(*map(keys.get, _NAMES), return_exceptions=True))
    assert {type(answer) for answer in answers} <= {bytes, type(None), StoreUnavailable}
    return {name for name, answer in zip(_NAMES, answers, strict=True) if answer == b"v"}


async def _until_found(keys: KeyStore, names: set[str]) -> None:
    """Wait until these names, and never any other, have their value."""

    async def are_found() -> bool:
        found = await _found(keys)
        assert found <= names
        return found == names

    await until(are_found, "what is kept", 10)  # at once, but for a machine that stops


async def _is_answered(keys: KeyStore) -> bool:
    try:
        await asyncio.gather(*(keys.put(name, b"v") for name in _NAMES))
    except StoreUnavailable:
        return False
    return True


@pytest.mark.usefixtures("patient")
async def test_redis_may_come_later_go_and_come_again(tmp_path: Path) -> None:
    """Opened before its server is up, the store refuses at once, then serves, and does so again after a restart."""
    port = free_port()
    async with _keys(port) as keys:
        assert str(port) in await _refused(keys)
        with redis_on(port, tmp_path) as process:
            await asyncio.gather(*(keys.put(name, b"v") for name in _NAMES))
            process.kill()
            process.wait()
            await _refused(keys)
        with redis_on(port, tmp_path):
            assert sorted(await asyncio.gather(*(keys.increment("n") for _ in range(60)))) == list(range(1, 61))


async def test_connections_closed_in_silence_are_not_noticed(
    redis_url: str, redis_cluster: RedisCluster, patient: None
) -> None:
    """What the servers or a firewall closed while nothing was asked costs nobody an answer."""
    for where in (redis_url, redis_cluster.nodes):
        async with _keys(where) as keys:
            await asyncio.gather(*(keys.put(name, b"v") for name in _NAMES))
            for port in (int(node.rpartition(":")[2]) for node in where.removesuffix("/0").split(",")):
                tell(port, "CLIENT KILL", "TYPE", "normal")
            await asyncio.sleep(0.05)
            await asyncio.gather(*(keys.put(name, b"v") for name in _NAMES))
            assert await _found(keys) == set(_NAMES)


async def test_a_server_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    """A stopped server costs half a second, whoever asks; a hundred at once are all refused within the timeout."""
    port = free_port()
    with redis_on(port, tmp_path) as process:
        async with _keys(port) as keys:
            await until(partial(_is_answered, keys), "an answer")
            process.send_signal(signal.SIGSTOP)
            try:
                await _refused(keys)
                answers = await in_time(_TIMEOUT, partial(_asked_at_once, keys))
                assert {type(answer) for answer in answers} == {StoreUnavailable}
            finally:
                process.send_signal(signal.SIGCONT)
            await until(partial(_is_answered, keys), "an answer")


@pytest.mark.usefixtures("patient")
async def test_a_full_server_still_reads(tmp_path: Path) -> None:
    """Out of memory, Redis refuses to write: so does the store, and says why; what is kept can be read."""
    port = free_port()
    with redis_on(port, tmp_path):
        async with _keys(port) as keys:
            await keys.put("k", b"v")
            tell(port, "CONFIG SET", "maxmemory", 1)
            with pytest.raises(StoreUnavailable, match="maxmemory"):
                await keys.put("l", b"v")
            with pytest.raises(StoreUnavailable, match="memory"):
                await keys.increment("n")
            assert await keys.get("k") == b"v"


@pytest.mark.usefixtures("patient")
async def test_a_wrong_password_is_not_told(tmp_path: Path) -> None:
    """With the password it serves; with another one the reason names neither the password nor any value."""
    port = free_port()
    with redis_on(port, tmp_path):
        tell(port, "CONFIG SET", "requirepass", "right-one")
        async with _keys(f"redis://:right-one@127.0.0.1:{port}") as keys:
            await keys.put("k", b"v")
        async with _keys(f"redis://:wrong-one@127.0.0.1:{port}") as keys:
            reason = await _refused(keys)
    assert "wrong-one" not in reason
    assert "password" in reason


@pytest.mark.usefixtures("patient")
async def test_keys_have_our_name_and_their_database(redis_port: int, redis_url: str) -> None:
    """All that is written begins with ``pi:``, in the database of the URL and in no other."""
    async with _keys(f"{redis_url[:-2]}/3") as keys:
        await keys.put("k", b"v", lasting=60)
        await keys.increment("n")
    async with _keys(redis_port) as keys:
        assert await keys.get("k") is None
    assert tell(redis_port, "INFO", "keyspace")["db3"]["keys"] == 3  # two, and the schema's version
    assert all(key.startswith(b"pi:") for key in tell(redis_port, "KEYS", "*"))


async def _a_later_schema_is_not_touched(where: str, ports: Sequence[int]) -> None:
    async with _keys(where) as keys:
        await keys.put("k", b"v")
    for port in ports:
        with suppress(redis.ResponseError):  # another node has it
            tell(port, "SET", "pi:schema", 2)
    async with _keys(where) as keys:
        for ask in (keys.ping(), keys.get("k"), keys.put("l", b"v"), keys.increment("n")):
            with pytest.raises(StoreTooNewError, match="schema 2"):
                await ask
    assert sum(tell(port, "DBSIZE") for port in ports) == 2


@pytest.mark.usefixtures("patient")
async def test_a_later_schema_is_not_touched(redis_url: str, redis_port: int) -> None:
    """Where a later version has been, nothing is read or written."""
    await _a_later_schema_is_not_touched(redis_url, [redis_port])


@pytest.mark.usefixtures("patient")
async def test_a_later_schema_of_a_cluster_is_not_touched(redis_cluster: RedisCluster) -> None:
    """Nor in a cluster."""
    await _a_later_schema_is_not_touched(redis_cluster.nodes, redis_cluster.ports)


@pytest.mark.usefixtures("patient")
async def test_a_key_that_moved_is_found(redis_cluster: RedisCluster) -> None:
    """A slot given to another node while the store knows the old one: keys are read, added and counted there."""
    async with _keys(redis_cluster.nodes) as keys:
        assert await keys.get("moving") is None  # now it knows who has the slot
        slot: int = tell(redis_cluster.ports[0], "CLUSTER KEYSLOT", "pi:key:moving")
        owner = min(slot // 5461, 2)
        for new in ((owner + 1) % 3, owner):
            node_id = tell(redis_cluster.ports[new], "CLUSTER MYID")
            for port in redis_cluster.ports:
                tell(port, "CLUSTER SETSLOT", slot, "NODE", node_id)
            counted = await asyncio.gather(*(keys.increment("moving") for _ in range(20)))
            assert sorted(counted) == list(range(1, 21))
            assert await keys.delete("moving")


def _names_of(cluster: RedisCluster, node: int) -> set[str]:
    slots = {name: tell(cluster.ports[0], "CLUSTER KEYSLOT", f"pi:key:{name}") for name in _NAMES}
    return {name for name, slot in slots.items() if min(slot // 5461, 2) == node}


async def test_a_cluster_without_one_master(tmp_path: Path) -> None:
    """Whichever master hangs or dies, the keys of the others are there in time, and only its own are refused."""
    with redis_cluster_in(tmp_path, "--cluster-require-full-coverage", "no") as cluster:
        async with _keys(cluster.nodes) as keys:
            await until(partial(_is_answered, keys), "an answer")
            for node in range(3):
                others = set(_NAMES) - _names_of(cluster, node)
                cluster.processes[node].send_signal(signal.SIGSTOP)
                try:
                    await _until_found(keys, others)
                finally:
                    cluster.processes[node].send_signal(signal.SIGCONT)
                await _until_found(keys, set(_NAMES))
            others = set(_NAMES) - _names_of(cluster, 1)
            cluster.kill(1)
            await _until_found(keys, others)
            await until(lambda: tell(cluster.ports[0], "CLUSTER INFO")["cluster_slots_fail"] != "0", "its loss")
            await _until_found(keys, others)


@pytest.mark.usefixtures("patient")
async def test_a_cluster_that_is_gone_comes_back(tmp_path: Path) -> None:
    """With all nodes dead everything is refused in time; once they run again, the same store serves."""
    with redis_cluster_in(tmp_path) as cluster:
        async with _keys(cluster.nodes) as keys:
            await asyncio.gather(*(keys.put(name, b"v") for name in _NAMES))
            for node in range(3):
                cluster.kill(node)
            assert "Connect" in await _refused(keys)
            assert await _found(keys) == set()
            for node in range(3):
                cluster.revive(node)
            await until(partial(_is_answered, keys), "an answer")
            await _until_found(keys, set(_NAMES))
