"""Requests nobody would send: each is answered once, and what comes after it is served."""

import asyncio
import os
import random
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from pydantic import BaseModel

from pi_server import Call, Service, get, post
from pi_server.testing import Serve, Served
from tests.parts.waiting import until


class Told(BaseModel):
    """What is told."""

    text: str


class Plain(Service):
    """Nothing special."""

    root = "/plain"

    @post("/take", public=True)
    async def take(self, call: Call, text: str) -> Told:
        """Take one field."""
        return Told(text=text)

    @get("/kept")
    async def kept(self, call: Call) -> Told:
        """Tell who asks."""
        return Told(text=call.consumer.name)

    @get("/strict", chain="named")
    async def strict(self, call: Call) -> Told:
        """Tell who asks."""
        return Told(text=call.consumer.name)


async def _raw(served: Served, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.url.rpartition(":")[2]))
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


REFUSED: dict[str, tuple[int, str, bytes]] = {
    "401": (401, "GET /plain/kept", b""),
    "401 with a body": (401, "GET /plain/kept", b"x" * 300_000),
    "404": (404, "GET /nowhere", b""),
    "405": (405, "TRACE /plain/kept", b""),
    "400": (400, "POST /plain/take", b"{"),
    "413": (413, "POST /plain/take", b" " * (2**20 + 1)),
    "422": (422, "POST /plain/take", b"{}"),
    "204": (204, "OPTIONS /plain/take", b""),
    "head": (401, "HEAD /plain/kept", b""),
    "nothing": (404, "OPTIONS *", b""),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_the_next_request_of_a_connection_is_served_after_a_refusal(serve: Serve, name: str) -> None:
    """What was refused with its body unread does not run into what comes next."""
    status, target, body = REFUSED[name]
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body) if body else b""
    first = b"%b HTTP/1.1\r\nHost: x\r\n%b\r\n%b" % (target.encode(), length, body)
    async with serve(Plain, config={"chains": {"named": ["token"]}}) as served:
        answer = await _raw(served, first + b"GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.endswith(b"\r\n\r\npong")


@pytest.mark.parametrize("path", ["/ping", "/docs", "/openapi.json", "/plain/take"])
async def test_no_page_minds_an_expectation(serve: Serve, path: str) -> None:
    """The core's own pages answer no 417 of the carrier's either."""
    async with serve(Plain, config={"chains": {"named": ["token"]}}) as served:
        head = b"GET %b HTTP/1.1\r\nHost: x\r\nExpect: x\r\nConnection: close\r\n\r\n" % path.encode()
        answer = await _raw(served, head)
    assert b" 417 " not in answer
    assert b"Server: pi-server\r\n" in answer


PATHS = [
    b"/plain/take",
    b"/plain/kept",
    b"/plain/strict",
    b"/nowhere",
    b"/plain/%6bept",
    b"//plain/kept",
    b"/plain/%ff",
]
NAMES = [
    *(b"x-srv-token", b"Authorization", b"Cookie", b"Content-Type", b"Content-Encoding", b"Accept", b"Origin"),
    *(b"Sec-Fetch-Site", b"activityid", b"traceparent", b"Expect", b"Upgrade", b"Transfer-Encoding", b"x-csrf-token"),
]
VALUES = [
    *(b"application/json", b"multipart/form-data; boundary=x", b"application/x-www-form-urlencoded", b"gzip", b"br"),
    *(
        b"chunked",
        b"100-continue",
        b"websocket",
        b"null",
        b"same-origin",
        b"Bearer a.b.c",
        b"pi-session=gAAAA; token=a",
    ),
    *(b"\xff\xfe", "é".encode(), b'"', b"a=b; c", b"%0d%0a", b",;q=", b"x" * 300, b""),
]
BODIES = [
    b"",
    b'{"text":"x"}',
    b"{",
    b"[" * 999,
    b'{"text":"\\ud800"}',
    b"text=%ff",
    b"\x1f\x8b\x08\0",
    b"--x--\r\n",
    b"a" * 9000,
]


def _random_request(chance: random.Random) -> bytes:
    verb = chance.choice(
        [b"GET", b"GET", b"POST", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"]
    )
    path = chance.choice(PATHS) + chance.choice([b"", b"", b"/", b"?", b"?text=%ff&text=1", b"%00", b";a", b"/../x"])
    body = chance.choice(BODIES)
    headers = [b"Host: x", b"Connection: close", *([b"Content-Length: %d" % len(body)] if body else [])]
    headers += chance.choice([[b"Content-Type: application/json"], []])
    headers += [b"%b: %b" % (chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(5))]
    chance.shuffle(headers)
    return b"%b %b HTTP/1.1\r\n%b\r\n\r\n%b" % (verb, path, b"\r\n".join(headers), body)


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 1500), pytest.param(int(os.environ.get("FUZZ_SEED", "2")), 20_000, marks=pytest.mark.slow)]
)
async def test_no_request_is_too_strange_for_one_answer_and_one_line(serve: Serve, seed: int, count: int) -> None:
    """Thousands of random requests: no 5xx, no empty close, as many lines as requests, nothing in the error log."""
    chance, seen = random.Random(seed), set[int]()
    config = {"chains": {"named": ["token", "session", "jwt", "csrf", "gzip"]}, "limits": {"body_idle": "200ms"}}
    async with serve(Plain, config=config) as served:

        async def some(count: int) -> None:
            for _ in range(count):
                request = _random_request(chance)
                answer = await _raw(served, request)
                found = re.findall(rb"HTTP/1\.[01] (\d\d\d)", answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))
                assert len(found) == 1, (request, answer)
                assert int(found[0]) < 500, (request, answer)
                seen.add(int(found[0]))

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(some(count // 20))
        lines = await served.access_log(count)
        told = (served.logs / "error.log").read_text()
    assert (len(lines), told) == (count, "")
    assert {200, 204, 400, 401, 404, 405, 415} <= seen


@asynccontextmanager
async def _holding(served: Served, count: int) -> AsyncGenerator[None]:
    """So many calls whose body never comes."""
    head = b"POST /plain/take HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    port = int(served.url.rpartition(":")[2])
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for _, writer in held:
        writer.write(head)
    await asyncio.sleep(0.1)
    try:
        yield
    finally:
        for _, writer in held:
            writer.close()


async def test_a_full_server_says_so_at_once_and_recovers(serve: Serve) -> None:
    """503 with Retry-After for what comes beyond the cap, even while stalled bodies hold it; then it serves again."""
    config = {"chains": {"named": ["token"]}, "limits": {"in_flight": 10, "body_idle": "4s"}}
    async with serve(Plain, config=config) as served, _holding(served, 10):
        for _ in range(10):
            async with asyncio.timeout(3), served.session.get("/plain/kept", headers=served.headers) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "1")
        await until(partial(_served, served), "an answer")


async def _served(served: Served) -> bool:
    async with served.session.get("/plain/kept", headers=served.headers) as response:
        return response.status == 200
