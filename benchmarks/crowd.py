"""Consumers who ask at a rate of their own, however slowly they are answered, and give up after a while.

wrk asks again when it was answered, so a server that is slow gets less to do; here it does not.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from benchmarks.load import Request

PATIENCE = 5.0
"""Seconds after which a consumer does not care for the answer any more."""

CONNECTIONS = 2000
"""The most that are open; with none free, a request is not sent and counts as lost."""

_TICK = 0.005


@dataclass(slots=True)
class Told:
    """What became of the requests of one second: statuses, those given up or not sent as 0, and times of the 200s."""

    statuses: Counter[int] = field(default_factory=Counter[int])
    times: list[float] = field(default_factory=list[float])


class Crowd:
    """Everybody who asks one server for the same."""

    def __init__(self, request: Request) -> None:
        """Need a running loop; nobody asks yet."""
        place = urlsplit(request.url)
        headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        self.host, self.port = place.hostname or "", place.port or 80
        self.asked = f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\n{headers}\r\n".encode()
        self.told = list[Told]()
        self.loop = asyncio.get_running_loop()
        self._free: list[Consumer] = []
        self._all: set[Consumer] = set()

    async def ask(self, rate: float, seconds: float) -> list[Told]:
        """Ask ``rate`` times a second; what was told in each of the ``seconds``."""
        self.told, begun, sent = [Told()], self.loop.time(), 0
        while (passed := self.loop.time() - begun) < seconds:
            if passed >= len(self.told):
                self.told.append(Told())
            due, sent = int(passed * rate) - sent, int(passed * rate)
            for _ in range(due):
                await self._one()
            self._give_up()
            await asyncio.sleep(_TICK)
        return self.told

    async def close(self) -> None:
        """Go away."""
        for consumer in tuple(self._all):
            consumer.leave()
        await asyncio.sleep(0.1)

    def free(self, consumer: "Consumer") -> None:
        """Who was answered may ask again."""
        self._free.append(consumer)

    def gone(self, consumer: "Consumer") -> None:
        """Whose connection was closed is gone."""
        self._all.discard(consumer)

    async def _one(self) -> None:
        while self._free:
            if (consumer := self._free.pop()) in self._all:
                consumer.ask()
                return
        if len(self._all) >= CONNECTIONS:
            self.told[-1].statuses[0] += 1
            return
        try:
            _, consumer = await self.loop.create_connection(lambda: Consumer(self), self.host, self.port)
        except OSError:
            self.told[-1].statuses[0] += 1
            return
        self._all.add(consumer)
        consumer.ask()

    def _give_up(self) -> None:
        late = self.loop.time() - PATIENCE
        for consumer in [one for one in self._all if 0 < one.since < late]:
            self.told[-1].statuses[0] += 1
            consumer.leave()


class Consumer(asyncio.Protocol):
    """One connection, with one request at a time; an answer comes in few pieces, and is known by its length."""

    def __init__(self, crowd: Crowd) -> None:
        self.since = 0.0
        self._crowd = crowd
        self._transport: asyncio.Transport | None = None
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way there."""
        self._transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        """Send the request."""
        if self._transport is not None:
            self.since = self._crowd.loop.time()
            self._transport.write(self._crowd.asked)

    def leave(self) -> None:
        """Wait no more."""
        self.since = 0.0
        self._crowd.gone(self)
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Note the status once the answer is complete."""
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if not found or not length or len(body) < int(length):
            return
        told, took = self._crowd.told[-1], self._crowd.loop.time() - self.since
        status = int(head[9:12])
        told.statuses[status] += 1
        if status == 200:
            told.times.append(took)
        self.since, self._got = 0.0, b""
        if b"\r\nconnection: close" in head.lower():
            self.leave()
        else:
            self._crowd.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that did not come is counted once."""
        self._crowd.gone(self)
        if self.since:
            self._crowd.told[-1].statuses[0] += 1
            self.since = 0.0
