"""Counts calls against rates, in this worker or, for all workers together, in Redis.

Both count in sliding windows: of the calls in the window before, as much still counts as of that window would be within
the last second, minute, hour or day.  The worker's own counters need no library: two dictionaries that take turns cost
half a microsecond and forget by themselves; `limits`' memory storage looks at all its keys at every call (measured: 16
microseconds with 10 keys, 800 with 10,000), so that many addresses could slow every call.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import blake2b
from math import floor
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from pi_server.domain.faults import StoreUnavailable

if TYPE_CHECKING:
    from limits import RateLimitItem

Count = Callable[[str], Awaitable[float]]
"""Counts a call under a key: 0, or the seconds after which it would not be one too many."""

WhenAway = Literal["local", "refuse", "allow"]

PATIENCE = 0.5
"""Seconds Redis may take to count a call."""

PAUSE = 1.0
"""Seconds nobody asks a Redis that did not answer."""

MOST_KEYS = 100_000
"""Keys a worker counts in one window; of more, the oldest are forgotten."""

_AT_ONCE = 64  # calls that ask Redis: its pool refuses more than it has connections for
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_log = logging.getLogger("pi_server.rates")


class Rate(NamedTuple):
    """So many calls in so many seconds."""

    most: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """The rate written as ``100/minute``; ValueError if it is none."""
        most, slash, unit = text.partition("/")
        if not slash or unit.strip() not in _SECONDS or int(most) < 1:
            raise ValueError(f"{text!r} is no rate such as 100/minute")
        return cls(int(most), _SECONDS[unit.strip()])

    def share(self, workers: int) -> "Rate":
        """What is left for each worker that counts alone."""
        return Rate(max(1, self.most // workers), self.seconds)


class RateCounters(Protocol):
    """Counters of one server."""

    def counter(self, kind: str, rate: str) -> Count:
        """Counts against ``rate``; the keys of each ``kind`` are their own."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def open_rate_counters(keys: str, when_away: WhenAway = "local", workers: int = 1) -> RateCounters:
    """Counters in the Redis that ``stores.keys`` names, otherwise in this worker, one of ``workers``.

    Where a worker counts alone it grants its share of a rate, so that all of them grant no more than the whole.
    """
    uri = redis_uri(keys)
    return RedisRates(uri, when_away, workers) if uri else LocalRates(workers)


def redis_uri(keys: str) -> str:
    """``stores.keys`` in the spelling of `limits`, which wants a port; empty where it names no Redis."""
    if keys in ("sqlite", "memory"):
        return ""
    if "," in keys:
        return "async+redis+cluster://" + ",".join(node.strip() for node in keys.split(",") if node.strip())
    parts = urlsplit(keys if "://" in keys else f"redis://{keys.strip()}")
    place = parts.netloc if parts.port else f"{parts.netloc.removesuffix(':')}:6379"
    return "async+" + parts._replace(netloc=place).geturl()


class Window:
    """Counts calls of many keys against one rate."""

    def __init__(self, rate: Rate, now: Callable[[], float] = monotonic) -> None:
        """``now`` gives seconds that never go back."""
        self._most, self._seconds = rate
        self._now = now
        self._number = -1.0
        self._before: dict[str, int] = {}
        self._here: dict[str, int] = {}

    def count(self, key: str) -> float:
        """Count a call: 0, or the seconds to wait if it is one too many, which is not counted."""
        number, passed = divmod(self._now(), self._seconds)
        if number != self._number:
            self._turn(number)
        left = self._seconds - passed
        here, before = self._here.get(key, 0), self._before.get(key, 0)
        if floor(before * left / self._seconds) + here >= self._most:
            room = self._most - here  # from when on at most so many of the calls before count
            return left if room <= 0 else left - room * self._seconds / before
        if not here and len(self._here) >= MOST_KEYS:
            del self._here[next(iter(self._here))]
        self._here[key] = here + 1
        return 0

    def _turn(self, number: float) -> None:
        self._before = self._here if number == self._number + 1 else {}
        self._here = {}
        self._number = number


class LocalRates:
    """Counters of this worker alone."""

    def __init__(self, workers: int = 1) -> None:
        """One of ``workers`` that share every rate."""
        self._workers = workers

    def counter(self, kind: str, rate: str) -> Count:
        """See `RateCounters.counter`."""
        window = Window(Rate.parse(rate).share(self._workers))

        async def count(key: str) -> float:
            return window.count(key)

        return count

    async def close(self) -> None:
        """There is nothing to let go of."""


class RedisRates:
    """Counters of all workers together, in one Redis or a Redis Cluster."""

    def __init__(self, uri: str, when_away: WhenAway, workers: int) -> None:
        """``uri`` is that of `redis_uri`; nothing is connected before the first call."""
        from limits.aio.storage import RedisClusterStorage, RedisStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        self._cluster = "+cluster" in uri
        kind = RedisClusterStorage if self._cluster else RedisStorage
        storage = kind(uri, implementation="redispy", key_prefix="pi:rate", **_options(self._cluster))
        bridge: Any = storage.bridge
        self._driver: Any = bridge.get_connection()
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._outage = _Outage()
        self._when_away: WhenAway = when_away
        self._workers = workers

    def counter(self, kind: str, rate: str) -> Count:
        """See `RateCounters.counter`; `StoreUnavailable` while Redis is away, if that is to refuse."""
        from limits import parse

        asked = Rate.parse(rate)
        item, local = parse(rate), Window(asked.share(self._workers))

        async def count(key: str) -> float:
            if self._outage.lasts():
                return self._alone(local, key)
            try:
                async with asyncio.timeout(PATIENCE), self._at_once:
                    wait = await self._ask(item, kind, key)
            except Exception as error:  # noqa: BLE001 - a driver whose view of a cluster is torn raises KeyError and worse
                self._outage.begin(error)
                return self._alone(local, key)
            self._outage.end()
            return wait

        return count

    async def _ask(self, item: "RateLimitItem", kind: str, key: str) -> float:
        if self._cluster:
            await self._driver.initialize()  # without its map, the driver would ask any node and be sent on
        name = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()  # a key may hold / and braces
        if await self._limiter.hit(item, kind, name):
            return 0
        stats = await self._limiter.get_window_stats(item, kind, name)
        return max(stats.reset_time - time(), 0.001)

    def _alone(self, local: Window, key: str) -> float:
        if self._when_away == "refuse":
            raise StoreUnavailable("Redis does not count calls")
        return local.count(key) if self._when_away == "local" else 0

    async def close(self) -> None:
        """Close the connections; nothing is raised."""
        with suppress(Exception):
            async with asyncio.timeout(PATIENCE):
                await self._driver.aclose()
                if self._cluster:
                    for nodes in ("nodes_cache", "startup_nodes"):  # after a failure the driver takes itself for closed
                        await self._driver.nodes_manager.aclose(nodes)


def _options(cluster: bool) -> dict[str, Any]:
    """No answer is waited for longer than `PATIENCE`, and nothing is counted twice by the driver's own retries."""
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "protocol": 2}
    retry = Retry(NoBackoff(), 0)
    return {**options, "retry": retry, **({"dynamic_startup_nodes": False} if cluster else {})}


class _Outage:
    """Whether Redis is away, so that not every call waits to find out; told once when it begins and when it ends."""

    def __init__(self) -> None:
        self._until = 0.0
        self._told = False

    def lasts(self) -> bool:
        """Whether to go without Redis; now and then the answer sends one call, and no other, to see."""
        if not self._told:
            return False
        now = monotonic()
        if now < self._until:
            return True
        self._until = now + PAUSE
        return False

    def begin(self, error: BaseException) -> None:
        self._until = monotonic() + PAUSE
        if not self._told:
            self._told = True
            _log.warning("Redis does not count calls: %s", type(error).__name__)

    def end(self) -> None:
        if self._told:
            self._told = False
            _log.warning("Redis counts calls again")
