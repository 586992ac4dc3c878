"""Keys in Redis: one server, or a cluster."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from redis._parsers import AsyncCommandsParser
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, RedisClusterException, ResponseError
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import TimeoutError as NotInTime

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import StoreTooNewError
from pi_server.stores.key_rules import milliseconds, stored_name

_SCHEMA: Final = 1
_SCHEMA_KEY: Final = b"pi:schema"
_PREFIX: Final = b"pi:key:"
_WAIT: Final = 0.5  # seconds for one answer: what hangs must not hold up a call for longer
_WHOLE: Final = 0.6  # for all there is to it: waiting for a connection, making it, asking a second time
_MOVING: Final = 0.01  # seconds for a slot to arrive
_CONNECTIONS: Final = 50
_AT_ONCE: Final = 64  # commands; from the hundredth on, the driver refuses them instead of waiting
_LONGEST_REASON: Final = 200
_INCREMENT: Final = """
local begins = redis.call('EXISTS', KEYS[1]) == 0
redis.call('INCRBY', KEYS[1], ARGV[1])
if begins and ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('GET', KEYS[1])
"""  # as text: a number of Lua has 53 bits
_REPLACE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] then redis.call('SET', KEYS[1], unpack(ARGV, 2)) else redis.call('DEL', KEYS[1]) end
return 1
"""


class RedisKeys:
    """One server.  Expiry is its own affair; it connects when it is first asked, and again after it was away."""

    def __init__(self, client: Redis | RedisCluster, where: str, timeout: float, secret: str = "") -> None:
        """Speak of the store as ``where``, never of ``secret``; no method takes longer than ``timeout``, nor 0.6 s."""
        self._client: Any = client  # whose commands are not typed
        self._where = where
        self._timeout = min(timeout, _WHOLE)
        self._secret = secret
        self._checked = False

    async def get(self, key: str) -> bytes | None:
        """See `KeyStore.get`."""
        async with self._asking():
            return await self._get(_name(key))

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `KeyStore.get_many`; one round trip."""
        if not keys:
            return []
        async with self._asking():
            values: list[bytes | None] = await self._command("MGET", *map(_name, keys))
            return values

    async def put(self, key: str, value: bytes, *, lasting: float | None = None) -> None:
        """See `KeyStore.put`."""
        async with self._asking():
            await self._again("SET", _name(key), value, *_expiry(lasting))

    async def add(self, key: str, value: bytes, *, lasting: float | None = None) -> bool:
        """See `KeyStore.add`."""
        async with self._asking():
            return bool(await self._command("SET", _name(key), value, "NX", *_expiry(lasting)))

    async def replace(self, key: str, value: bytes | None, *, old: bytes, lasting: float | None = None) -> bool:
        """See `KeyStore.replace`."""
        new = () if value is None else (value, *_expiry(lasting))
        async with self._asking():
            return bool(await self._command("EVAL", _REPLACE, 1, _name(key), old, *new))

    async def delete(self, key: str) -> bool:
        """See `KeyStore.delete`."""
        async with self._asking():
            return bool(await self._command("DEL", _name(key)))

    async def increment(self, key: str, by: int = 1, *, lasting: float | None = None) -> int:
        """See `KeyStore.increment`."""
        left = milliseconds(lasting)
        async with self._asking():
            return int(await self._command("EVAL", _INCREMENT, 1, _name(key), by, "" if left is None else left))

    async def ping(self) -> None:
        """See `KeyStore.ping`; `StoreTooNewError` if a later version has written to it."""
        async with self._asking():
            await self._check()

    async def close(self) -> None:
        """Let go of all connections; nothing is raised."""
        with suppress(Exception):
            async with asyncio.timeout(self._timeout):
                await self._disconnect()

    async def _disconnect(self) -> None:
        await self._client.aclose()

    async def _command(self, *command: Any) -> Any:
        return await self._client.execute_command(*command)

    async def _again(self, *command: Any) -> Any:
        """A command that may be repeated without harm."""
        return await self._command(*command)

    async def _get(self, name: bytes) -> bytes | None:
        value: bytes | None = await self._again("GET", name)
        return value

    async def _check(self) -> None:
        kept = await self._get(_SCHEMA_KEY)
        if kept is None:
            await self._again("SET", _SCHEMA_KEY, _SCHEMA, "NX")  # another version may be quicker
            kept = await self._get(_SCHEMA_KEY)
        found = int(kept or _SCHEMA)
        if found > _SCHEMA:
            raise StoreTooNewError(self._where, found, _SCHEMA)
        self._checked = True

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                if not self._checked:
                    await self._check()
                yield
        except StoreTooNewError:
            raise
        except TimeoutError:
            raise StoreUnavailable(f"{self._where}: no answer in {self._timeout:g} s") from None
        except Exception as error:  # noqa: BLE001 - a driver whose view of a cluster is torn raises KeyError and worse
            raise StoreUnavailable(f"{self._where}: {self._reason(error)}") from None  # its text may hold values

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, RedisClusterException) and error.__cause__:
            error = error.__cause__  # what the last node said
        known = isinstance(error, (NotConnected, NotInTime, ResponseError, OSError)) and str(error)
        text = (known or type(error).__name__).partition(", with args")[0]  # those are values
        return (text.replace(self._secret, "***") if self._secret else text)[:_LONGEST_REASON]


class _KeyComesFirst(AsyncCommandsParser):
    """Knows where our commands have their key.

    The driver's own asks one node for all commands there are each time it looks at the cluster again: most of that
    look's cost, and while that one node is away the whole cluster would be.
    """

    async def initialize(self, node: ClusterNode | None = None) -> None:
        """Ask nothing."""

    async def get_keys(self, *args: Any) -> tuple[Any, ...]:
        """The key of GET, SET or DEL; the driver itself knows that of EVAL."""
        return args[1:2]


class ClusterKeys(RedisKeys):
    """A cluster: each key lives on the master of its slot, and is unavailable while that is away."""

    def __init__(self, client: RedisCluster, where: str, timeout: float) -> None:
        """See `RedisKeys`."""
        super().__init__(client, where, timeout)
        self._cluster = client
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def ping(self) -> None:
        """See `RedisKeys.ping`; asks every master, so that one that died leaves the map before a call runs into it."""
        async with self._asking():
            await self._check()
            await self._cluster.execute_command("PING", target_nodes=RedisCluster.PRIMARIES)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `KeyStore.get_many`; side by side, for the keys are on several servers."""
        async with self._asking():
            found = await asyncio.gather(*(self._get(_name(key)) for key in keys), return_exceptions=True)
            return [_raised(value) for value in found]

    async def _command(self, *command: Any) -> Any:
        async with self._turns:
            while True:
                await self._cluster.initialize()  # without its map, the driver would ask any node and be sent on
                try:
                    return await super()._command(*command)
                except ClusterError as error:
                    if type(error) is not ClusterError:
                        raise
                await asyncio.sleep(_MOVING)  # its slot moves: it was sent to and fro, and executed nowhere

    async def _again(self, *command: Any) -> Any:
        """Twice, if need be: of a cluster's idle connections, the driver does not notice which were closed."""
        try:
            return await self._command(*command)
        except NotConnected:
            return await self._command(*command)

    async def _disconnect(self) -> None:
        await super()._disconnect()
        for nodes in ("nodes_cache", "startup_nodes"):  # after a failure the driver takes itself for closed
            await self._cluster.nodes_manager.aclose(nodes)


def one_server(url: str, timeout: float) -> RedisKeys:
    """The keys of the server at ``url``.

    Raises:
        ValueError: the URL's database or one of its options is none; the text holds no password.
    """
    given: dict[str, Any] = dict(parse_url(url))
    if not re.fullmatch("/?[0-9]*", urlsplit(url).path):  # the driver would silently take database 0
        raise ValueError("the database of a Redis URL is a number: redis://host:6379/0")
    pool: Any = BlockingConnectionPool(**given | _bounds(timeout), max_connections=_CONNECTIONS, timeout=timeout)
    try:
        pool.make_connection()
    except Exception as error:  # noqa: BLE001 - whatever the driver thinks of an option
        raise ValueError(f"an option of the Redis URL cannot be used: {type(error).__name__}") from None
    where = f"redis {given.get('host', 'localhost')}:{given.get('port', 6379)}/{given.get('db', 0)}"
    return RedisKeys(Redis.from_pool(pool), where, timeout, str(given.get("password", "")))


def cluster(nodes: Sequence[tuple[str, int]], timeout: float) -> ClusterKeys:
    """The keys of the cluster to which ``nodes`` belong; the others are found through any of them."""
    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in nodes],
        dynamic_startup_nodes=False,  # names outlive the addresses behind them
        require_full_coverage=False,  # what one master keeps is there while another is away
        reinitialize_steps=0,  # that many slots moved would close the connections others are waiting on
        retry=Retry(NoBackoff(), 0),  # the driver's own would repeat what must not happen twice
        **_bounds(timeout),
    )
    client.commands_parser = _KeyComesFirst()
    where = "redis cluster " + ",".join(f"{host}:{port}" for host, port in nodes)
    return ClusterKeys(client, where, timeout)


def _bounds(timeout: float) -> dict[str, Any]:
    """What no option of a URL may change."""
    wait = min(timeout, _WAIT)
    return {"socket_timeout": wait, "socket_connect_timeout": wait, "protocol": 2, "decode_responses": False}


def _name(key: str) -> bytes:
    return _PREFIX + stored_name(key)


def _raised(found: bytes | BaseException | None) -> bytes | None:
    if isinstance(found, BaseException):
        raise found
    return found


def _expiry(lasting: float | None) -> tuple[str | int, ...]:
    left = milliseconds(lasting)
    return () if left is None else ("PX", left)
