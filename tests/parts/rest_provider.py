"""A market that speaks REST, and every misbehaviour a provider is capable of, one per path.

Run as a script: ``python rest_provider.py --port N``.  It writes its answers byte by byte, because a library would not
let it misbehave.
"""

import argparse
import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

RATES = {"EUR": {"USD": "1.2500", "GBP": "0.80"}, "USD": {"EUR": "0.8"}}
LONG = 60.0
EMPTY = b'HTTP/1.1 200 Said\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{"base": "EUR","rates": {}}'


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    verb: str
    target: str
    headers: dict[str, str]
    body: bytes
    count: int


Answer = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]
PATHS: dict[str, Answer] = {}


def at(path: str) -> Callable[[Answer], Answer]:
    """Register what answers below ``path``."""
    return lambda answer: PATHS.setdefault(path, answer)


def head(status: int = 200, media: str = "application/json", *more: str) -> bytes:
    """The first lines of an answer, without the empty one."""
    return "\r\n".join((f"HTTP/1.1 {status} Said", f"Content-Type: {media}", *more)).encode("latin-1") + b"\r\n"


def whole(body: bytes, status: int = 200, media: str = "application/json", *more: str) -> bytes:
    """A well-behaved answer."""
    return head(status, media, f"Content-Length: {len(body)}", *more) + b"\r\n" + body


def fixed(path: str, answer: bytes) -> None:
    """Register an answer that is always the same."""

    async def write(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    PATHS[path] = write


fixed("html", whole(b"<!doctype html><html><body>Please sign in</body></html>", 200, "text/html"))
fixed("html502", whole(b"<html><body>Bad Gateway</body></html>", 502, "text/html"))
fixed("garbage", bytes(range(256)) * 4)
fixed("empty", whole(b""))
fixed("no-json", whole(b'{"base": "EUR", "rates": {'))
fixed("wrong-type", whole(b'{"base": "EUR", "rates": {"USD": "s3cret"}}'))
fixed("missing", whole(b"{}"))
fixed("doubled", whole(b'{"base": "EUR", "base": "USD", "rates": {}}'))
fixed("nan", whole(b'{"base": "EUR", "rates": {"USD": NaN}}'))
fixed("latin", whole('{"base": "é", "rates": {}}'.encode("latin-1")))
fixed("deep", whole(b"[" * 100_000))
fixed("exact", whole(b'{"base": "EUR", "rates": {"USD": 1.234567890123456789012345678901234567890}, "new": 1}'))
fixed("error", whole(b'{"error": "out of order"}', 500))
fixed("redirect", whole(b"", 302, "text/plain", "Location: /latest/EUR"))
fixed("closed-for-long", whole(b"", 429, "text/plain", "Retry-After: 3600"))
fixed("loop", whole(b"", 302, "text/plain", "Location: /loop"))
fixed("cookie", whole(b'{"base": "EUR", "rates": {}}', 200, "application/json", "Set-Cookie: seen=1; Path=/"))
fixed("bad-chunk", head(200, "application/json", "Transfer-Encoding: chunked") + b"\r\nzz\r\n{}\r\n0\r\n\r\n")
fixed("many-headers", head(200, "application/json", *(f"X-{n}: {'y' * 8000}" for n in range(200))) + b"\r\n")
fixed("odd-header", whole(b'{"base": "EUR", "rates": {}}', 200, "application/json", "X-Odd: caf\xe9"))
fixed("bad-gzip", whole(b"not gzip at all", 200, "application/json", "Content-Encoding: gzip"))
fixed("bomb", whole(gzip.compress(b" " * 100_000_000, 9), 200, "application/json", "Content-Encoding: gzip"))


@at("latest")
async def latest(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """The table of a base, in the symbols asked for."""
    parts = urlsplit(asked.target)
    base = unquote(parts.path.rpartition("/")[2])
    if base not in RATES:
        writer.write(whole(b'{"error": "no such currency"}', 404))
        return
    wanted = parse_qs(parts.query).get("symbols", list(RATES[base]))
    rates = ", ".join(f'"{name}": {RATES[base][name]}' for name in wanted if name in RATES[base])
    writer.write(whole(f'{{"base": "{base}", "rates": {{{rates}}}}}'.encode()))


@at("echo")
async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """The request itself, as JSON."""
    said = {
        "verb": asked.verb,
        "target": asked.target,
        "headers": asked.headers,
        "body": asked.body.decode(),
        "count": asked.count,
    }
    writer.write(whole(json.dumps(said).encode()))


@at("truncated")
async def truncated(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Fewer bytes than announced."""
    writer.write(head(200, "application/json", "Content-Length: 1000") + b'\r\n{"base"')
    writer.close()


@at("busy")
async def busy(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Too many requests, for a moment: the second one on the same connection is answered."""
    writer.write(whole(b"{}", 429, "application/json", "Retry-After: 0") if asked.count < 2 else EMPTY)


@at("stale")
async def stale(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An answer, and the end of the connection in place of the next."""
    if asked.count < 2:
        writer.write(EMPTY)
    else:
        writer.close()


@at("hangup")
async def hangup(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """The end of the connection in place of an answer."""
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    found: socket.socket = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@at("reset")
async def reset(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A reset before any answer."""
    _reset(writer)


@at("reset-late")
async def reset_late(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A reset in the middle of the answer."""
    writer.write(head(200, "application/json", "Content-Length: 1000") + b'\r\n{"base"')
    await writer.drain()
    await asyncio.sleep(0.05)
    _reset(writer)


@at("slow")
async def slow(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Nothing, for longer than anybody waits."""
    await asyncio.sleep(LONG)


@at("silent-body")
async def silent_body(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Headers, and then nothing."""
    writer.write(head(200, "application/json", "Content-Length: 10") + b"\r\n")
    await asyncio.sleep(LONG)


@at("dribble")
async def dribble(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """A byte now and then: every single read succeeds, the whole never ends."""
    writer.write(head(200, "application/json", "Content-Length: 100000") + b"\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


@at("huge")
async def huge(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """An answer without end."""
    writer.write(head(200, "application/json", "Transfer-Encoding: chunked") + b"\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


async def read_request(reader: asyncio.StreamReader, count: int) -> Asked:
    """The next request of a connection, its ``count``-th."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    verb, target, _ = lines[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(verb, target, headers, body, count)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection: request after request until somebody closes it."""
    count = 0
    try:
        while not writer.is_closing():
            count += 1
            asked = await read_request(reader, count)
            await PATHS[asked.target.split("?")[0].split("/")[1]](asked, writer)
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    """Serve until stopped."""
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    asyncio.run(main(arguments.parse_args().port))
