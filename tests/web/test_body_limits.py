"""What a body may cost: bytes, time, fields, parts, and what comes out of a compressed one."""

import asyncio
import gzip
import json
import os
import time
import zlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import FormData
from pydantic import BaseModel

from pi_server import Call, Service, get, post
from pi_server.testing import Serve, Served
from pi_server.web.body import Patience
from tests.web.chained import JSON, Chained, bomb, chained, code_of


class Note(BaseModel):
    """Something written, and its labels."""

    text: str
    labels: list[str] = []


class Desk(Service):
    """Takes notes in every form."""

    root = "/desk"

    @post("/json", public=True)
    async def json(self, call: Call, note: Note) -> Note:
        """Echo JSON."""
        return note

    @post("/packed", public=True, decompress=True)
    async def packed(self, call: Call, note: Note) -> int:
        """Take compressed JSON."""
        return len(note.text)

    @post("/form", public=True, consumes=("application/x-www-form-urlencoded", "multipart/form-data"))
    async def form(self, call: Call, note: Note) -> Note:
        """Take a form of either kind."""
        return note

    @get("/ping", public=True)
    async def ping(self, call: Call) -> str:
        """Answer."""
        return "pong"

    @post("/mine")
    async def mine(self, call: Call, note: Note) -> Note:
        """Need a token."""
        return note


@pytest.fixture
async def desk() -> AsyncIterator[Chained]:
    """The desk, served."""
    async with chained(Desk()) as server:
        yield server


def _head(path: str, *lines: str) -> bytes:
    always = (f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json")
    return "\r\n".join((*always, *lines, "", "")).encode()


async def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(desk: Chained) -> None:
    """Announcing is enough; a byte of it that is waited for ends in 408."""
    answer = await desk.raw(_head("/desk/json", "Content-Length: 1048577"))
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_body_without_a_length_is_refused_when_it_passes_the_limit(desk: Chained) -> None:
    """Chunks are counted as they come."""
    chunk = b"10000\r\n" + b" " * 2**16 + b"\r\n"
    answer = await desk.raw(_head("/desk/json", "Transfer-Encoding: chunked"), *[chunk] * 17)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    """In one piece with the head, and in two."""
    async with chained(Desk(), body_limit=1000) as desk:
        body = json.dumps({"text": "x"}).encode().ljust(1000)
        head = _head("/desk/json", "Content-Length: 1000", "Connection: close")
        assert (await desk.raw(head + body)).startswith(b"HTTP/1.1 200 ")
        assert (await desk.raw(head, body[:300], body[300:], pause=0.05)).startswith(b"HTTP/1.1 200 ")
        large = _head("/desk/json", "Content-Length: 1001", "Connection: close") + body + b" "
        assert (await desk.raw(large)).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("pieces", [[], [b'{"text"'], [b"1\r\n{\r\n"], [b"1;" + b"x" * 1000]])
async def test_a_body_that_stalls_is_refused_and_the_connection_ends(pieces: list[bytes]) -> None:
    """After the longest pause: 408 with Connection: close, whether nothing came, some of it, or chunk extensions."""
    chunked = bool(pieces) and pieces[0].startswith(b"1")
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 100"
    async with chained(Desk(), patience=Patience(idle=0.2, total=600)) as desk:
        answer = await desk.raw(_head("/desk/json", length), *pieces)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert code_of(answer.partition(b"\r\n\r\n")[2]) == "body_too_slow"


async def test_a_body_that_drips_is_refused_in_the_end() -> None:
    """No pause is too long, but the whole is."""
    async with chained(Desk(), patience=Patience(idle=600, total=0.5)) as desk:
        drip = [b" "] * 30
        answer = await desk.raw(_head("/desk/json", "Content-Length: 100"), *drip, pause=0.1)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")  # who still writes may not see the answer


async def test_a_dripping_consumer_reads_why() -> None:
    """One that listens while it drips gets the 408."""
    async with chained(Desk(), patience=Patience(idle=600, total=0.5)) as desk:
        answer = await desk.raw(_head("/desk/json", "Content-Length: 100"), b" ", b" ", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_pauses_within_the_limit_are_forgiven_and_leave_the_call_its_time() -> None:
    """A slow but steady body is served, and what the body was granted does not end the call."""
    async with chained(Desk(), patience=Patience(idle=1.5, total=60)) as desk:
        pieces = [b"%c" % byte for byte in b'{"text": "slow"}']
        answer = await desk.raw(_head("/desk/json", "Content-Length: 16", "Connection: close"), *pieces, pause=0.12)
    assert answer.startswith(b"HTTP/1.1 200 ")


NOTE = json.dumps({"text": "x" * 50}).encode()


def _raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body, wbits=-15)


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", gzip.compress(NOTE), 200),
        ("GZIP", gzip.compress(NOTE), 200),
        ("x-gzip", gzip.compress(NOTE), 200),
        ("deflate", zlib.compress(NOTE), 200),
        ("identity", NOTE, 200),
        ("gzip", gzip.compress(json.dumps({"text": os.urandom(200_000).hex()}).encode()), 200),
        ("br", NOTE, 415),
        ("zstd", NOTE, 415),
        ("gzip, gzip", gzip.compress(gzip.compress(NOTE)), 415),
        ("gzip", NOTE, 400),
        ("gzip", zlib.compress(NOTE), 400),
        ("deflate", _raw_deflate(NOTE), 400),
        ("gzip", gzip.compress(NOTE)[:-1], 400),
        ("gzip", gzip.compress(NOTE)[:20], 400),
        ("gzip", gzip.compress(NOTE) + b"x", 400),
        ("gzip", gzip.compress(NOTE[:9]) + gzip.compress(NOTE[9:]), 400),
        ("gzip", gzip.compress(b"") * 20_000, 400),
        ("gzip", gzip.compress(NOTE)[:-8] + bytes(8), 400),
        ("gzip", gzip.compress(b'{"text": "' + b"x" * 20_000 + b'"}'), 413),  # more than a hundredfold
        ("gzip", gzip.compress(json.dumps({"text": os.urandom(600_000).hex()}).encode()), 413),  # more than 1 MiB
        ("gzip", bomb(2**30), 413),
        ("deflate", zlib.compress(bytes(2**26)), 413),
    ],
)
async def test_a_compressed_body_is_taken_where_the_operation_says_so(
    desk: Chained, coding: str, body: bytes, status: int
) -> None:
    """Whole, alone, of its coding, and never more than the limit or a hundred times what came; all at once."""
    cpu = time.process_time()
    got, _, answer = await desk.ask("POST", "/desk/packed", data=body, headers={**JSON, "Content-Encoding": coding})
    assert got == status, answer
    assert time.process_time() - cpu < 2  # it is 0.01 s; to unpack a bomb takes more than 2 s


async def test_elsewhere_it_is_not_taken(desk: Chained) -> None:
    """415 without a look at it."""
    headers = {**JSON, "Content-Encoding": "gzip"}
    status, _, body = await desk.ask("POST", "/desk/json", data=gzip.compress(NOTE), headers=headers)
    assert (status, code_of(body)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("path", "status"), [("/", 404), ("/nowhere", 404), ("/desk/mine", 401), ("/desk/ping", 405), ("/desk/packed", 413)]
)
async def test_a_bomb_costs_next_to_nothing_wherever_it_falls(serve: Serve, path: str, status: int) -> None:
    """1 MiB that would be 1 GiB: refused unread or soon after it begins to grow, and the others never wait for it."""
    async with serve(Desk) as served:
        packed = bomb(2**30)[:1_048_000]
        headers = {**JSON, "Content-Encoding": "gzip"}
        cpu = time.process_time()
        bombing = asyncio.create_task(_statuses(served, path, packed, headers))
        slowest = 0.0
        for _ in range(20):
            begin = time.process_time()
            async with served.session.get("/desk/ping") as response:
                assert response.status == 200
            slowest = max(slowest, time.process_time() - begin)
        assert await bombing == [status] * 5
        assert slowest < 1  # it is 0.01 s
        assert time.process_time() - cpu < 3  # five of them, and the consumers, in this process


async def _statuses(served: Served, path: str, packed: bytes, headers: dict[str, str]) -> list[int]:
    statuses: list[int] = []
    for _ in range(5):
        async with served.session.post(path, data=packed, headers=headers) as response:
            statuses.append(response.status)
    return statuses


async def test_a_form_may_have_a_thousand_fields(desk: Chained) -> None:
    """One more is refused."""
    fields = [("labels", "x")] * 999
    assert (await desk.ask("POST", "/desk/form", data=[("text", "a"), *fields]))[0] == 200
    assert (await desk.ask("POST", "/desk/form", data=[("text", "a"), *fields, ("labels", "x")]))[0] == 400


async def test_a_multipart_form_goes_through_the_same_model(desk: Chained) -> None:
    """Text as it is, several values where the model takes many, a missing field as everywhere."""
    form = FormData(default_to_multipart=True)
    for name, value in (("text", "é\r\n--x\r\n"), ("labels", "one"), ("labels", "two")):
        form.add_field(name, value)
    status, _, body = await desk.ask("POST", "/desk/form", data=form)
    assert status == 200
    assert json.loads(body)["data"] == {"text": "é\r\n--x\r\n", "labels": ["one", "two"]}
    form = FormData(default_to_multipart=True)
    form.add_field("other", "x")
    assert (await desk.ask("POST", "/desk/form", data=form))[0] == 422


async def test_a_file_is_not_taken(desk: Chained) -> None:
    """Uploads are out of scope, and said to be."""
    form = FormData()
    form.add_field("text", b"x", filename="x.txt", content_type="text/plain")
    status, _, body = await desk.ask("POST", "/desk/form", data=form)
    assert (status, code_of(body)) == (415, "unsupported_media_type")
