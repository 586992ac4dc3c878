"""Compressed answers: when they are worth it, wanted, and betray nothing."""

import gzip as codec
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from pi_server import Call, Reply, Service, get
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.gzip import accepts_gzip, gzip
from tests.web.chained import Chained, chained

ACCEPT = {"Accept-Encoding": "gzip"}


def streamed(handler: Handler) -> Handler:
    """Answers with a stream instead."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        await response.write(b"x" * 5000)
        await response.write_eof()
        return response

    return handle


class Desk(Service):
    """Answers of every kind and size."""

    root = "/desk"

    @get("/text/{size}", public=True)
    async def text(self, call: Call, size: int) -> Reply[str]:
        """Answer with so many letters and an ETag."""
        return Reply("x" * size, headers={"ETag": '"1"'})

    @get("/packed", public=True)
    async def packed(self, call: Call) -> Reply[str]:
        """Say that it is compressed already."""
        return Reply("x" * 5000, headers={"Content-Encoding": "br"})

    @get("/image", public=True, produces=("image/png",))
    async def image(self, call: Call) -> str:
        """Answer with what does not shrink, by its type."""
        return "x" * 5000

    @get("/kept", public=True)
    async def kept(self, call: Call) -> Reply[str]:
        """Forbid any change on the way."""
        return Reply("x" * 5000, headers={"Cache-Control": "no-transform"})

    @get("/stream", public=True, middlewares=(streamed,))
    async def stream(self, call: Call) -> str:
        """Be streamed."""
        return ""

    @get("/nothing", public=True)
    async def nothing(self, call: Call) -> None:
        """Answer without content."""


@pytest.fixture
async def desk() -> AsyncIterator[Chained]:
    """The desk, compressing from 1 KiB on."""
    async with chained(Desk(), inside=(gzip(1024, 6),)) as server:
        yield server


@pytest.mark.parametrize("size", [1024, 5000, 70_000, 500_000])
async def test_a_large_answer_is_compressed_for_who_accepts_it(desk: Chained, size: int) -> None:
    """On the loop or off it: the same answer, smaller, with its length, and its ETag says it is not the same bytes."""
    status, headers, body = await desk.ask("GET", f"/desk/text/{size}", headers=ACCEPT)
    assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "Accept-Encoding")
    assert int(headers["content-length"]) == len(body) < size
    assert json.loads(codec.decompress(body))["data"] == "x" * size
    assert headers["etag"] == 'W/"1"'


@pytest.mark.parametrize("accept", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=x"])
async def test_nobody_else_gets_it_and_caches_are_told(desk: Chained, accept: str) -> None:
    """As it is, with Vary."""
    _, headers, body = await desk.ask("GET", "/desk/text/5000", headers={"Accept-Encoding": accept})
    assert "content-encoding" not in headers
    assert headers["vary"] == "Accept-Encoding"
    assert json.loads(body)["data"] == "x" * 5000


@pytest.mark.parametrize(
    "path", ["/desk/text/10", "/desk/packed", "/desk/image", "/desk/kept", "/desk/stream", "/desk/nothing", "/nowhere"]
)
async def test_what_is_not_worth_it_stays_as_it_is(desk: Chained, path: str) -> None:
    """Small, compressed, incompressible, protected or streamed answers, and those without content."""
    _, headers, _ = await desk.ask("GET", path, headers=ACCEPT)
    assert headers.get("content-encoding") != "gzip"
    assert "vary" not in headers


async def test_head_is_not_compressed_for_nothing(desk: Chained) -> None:
    """It says how long the answer is and that it may come compressed."""
    _, headers, body = await desk.ask("HEAD", "/desk/text/5000", headers=ACCEPT)
    assert (body, headers["vary"]) == (b"", "Accept-Encoding")
    assert int(headers["content-length"]) > 5000


@pytest.mark.parametrize(
    ("site", "compressed"),
    [(None, False), ("cross-site", False), ("same-site", False), ("same-origin", True), ("none", True)],
)
async def test_with_a_cookie_only_this_sites_own_pages_get_it(
    desk: Chained, site: str | None, compressed: bool
) -> None:
    """Another site's page must not learn from lengths what is in an answer."""
    headers = {**ACCEPT, "Cookie": "a=b", **({"Sec-Fetch-Site": site} if site else {})}
    _, answered, _ = await desk.ask("GET", "/desk/text/5000", headers=headers)
    assert ("content-encoding" in answered) is compressed


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5, br", True),
        ("gzip; q=0.001", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("x-gzip", True),
        ("gzip;q=0.0, *", False),
        ("gzip;q=0", False),
        ("", False),
        ("gzipped", False),
        ("gzip;q=nan", False),
        (";;,,", False),
    ],
)
def test_weights_are_read(header: str, accepted: bool) -> None:
    """As RFC 9110 has them."""
    assert accepts_gzip(header) is accepted
