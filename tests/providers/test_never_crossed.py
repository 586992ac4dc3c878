"""No call ever gets another's answer, however late or often that comes."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel

from pi_server import Call, Fault, RestMessage
from tests.providers.conftest import Open

AT_ONCE = 100


class Said(BaseModel):
    """Which question this answers."""

    id: str


class Ask(RestMessage[Said], path="/{id}"):
    """A question with its number."""

    id: str


def _answer(number: str) -> bytes:
    body = f'{{"id": "{number}"}}'
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@asynccontextmanager
async def _muddled(chance: random.Random) -> AsyncGenerator[str]:
    """A provider that answers now and then too late, or twice."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                number = asked.split(b" ", 2)[1].decode().removeprefix("/")
                await asyncio.sleep(chance.choice([0, 0, 0, 0, 0, 0, 0, 0, 0.01, 3]))
                writer.write(_answer(number) * chance.choice([1, 1, 1, 1, 1, 1, 1, 1, 1, 2]))
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@pytest.mark.parametrize("calls", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_parallel_calls_get_their_own_answers(open_provider: Open, calls: int) -> None:
    """Each answer is that of its call, or there is none; most are there."""
    async with _muddled(random.Random(20261128)) as address:
        provider = await open_provider(
            address, timeout="1s", connections=AT_ONCE, retry={"times": 0}, breaker={"failures": 0}
        )
        slots = asyncio.Semaphore(AT_ONCE)

        async def ask(number: int) -> str | None:
            async with slots:
                try:
                    return (await provider.send(Call(), Ask(id=str(number)))).id
                except Fault:
                    return None

        answers = await asyncio.gather(*map(ask, range(calls)))
    assert [said for number, said in enumerate(answers) if said not in (None, str(number))] == []
    assert calls / 2 < sum(said is not None for said in answers) < calls
