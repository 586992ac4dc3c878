"""A server of a few lines, in the test's own loop: what it answers is a function of the test."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tests.parts.rest_provider import Asked, read_request

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

Answers = Callable[[Asked], bytes | None]
"""From a request to an answer; None is none, for as long as the consumer waits."""


@asynccontextmanager
async def answering(answers: Answers, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """Serve on a free port of ``localhost`` until left; gives the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        count = 0
        while True:
            count += 1
            answer = answers(await read_request(reader, count))
            if answer is None:
                await reader.read()
                return
            writer.write(answer)
            await writer.drain()

    async with serving(serve, tls) as port:
        yield f"http{'s' if tls else ''}://localhost:{port}"


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """Serve each connection until left, and leave none open; gives the port."""
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(_closing(serve, reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def _closing(serve: Serve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(asyncio.IncompleteReadError, OSError):
            await serve(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
