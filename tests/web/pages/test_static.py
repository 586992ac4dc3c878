"""The files beside the pages: kept by browsers, and nothing else reached through them."""

import asyncio
from pathlib import Path

import pytest

from pi_server.testing import Serve, Served
from tests.web.pages.asking import CONFIG, ask
from tests.web.pages.board.service import Board

STATIC = Path(__file__).parent / "board" / "static"
OUTSIDE = (
    "../service.py",
    "..%2Fservice.py",
    "%2e%2e/service.py",
    "%2e%2e%2fservice.py",
    "%252e%252e%252fservice.py",
    "..%5Cservice.py",
    "..\\service.py",
    "....//service.py",
    "img/../../service.py",
    "img%2F..%2F..%2Fservice.py",
    "./board.css",
    "/board.css",
    "board.css/",
    "board.css%00.png",
    "board.css%20",
    "BOARD.CSS",
    "img",
    "img/",
    ".hidden.css",
    ".git/config.css",
    "//etc/passwd",
    "%2Fetc%2Fpasswd",
    "file:///etc/passwd",
    "%FF",
    "%C0%AE%C0%AE/service.py",
    "board.css::$DATA",
    "",
)


async def _raw(server: Served, path: str) -> bytes:
    """The whole answer to a path that no library would send as it is."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("name", "kind"), [("board.css", "text/css; charset=utf-8"), ("img/pin.png", "image/png"), ("two words.txt", None)]
)
async def test_a_file_is_served_as_what_it_is(serve: Serve, name: str, kind: str | None) -> None:
    """To anybody, with HEAD too, without a session being looked at."""
    async with serve(Board, config=CONFIG) as server:
        async with server.session.get(f"/board/static/{name}") as response:
            assert await response.read() == (STATIC / name).read_bytes()
            assert response.headers["Content-Type"] == (kind or "text/plain; charset=utf-8")
            assert "Set-Cookie" not in response.headers
        async with server.session.head(f"/board/static/{name}") as response:
            assert int(response.headers["Content-Length"]) == len((STATIC / name).read_bytes())


async def test_a_file_with_its_version_is_kept_for_good(serve: Serve) -> None:
    """The address a page has; any other address of it is asked for again, and answered in short."""
    async with serve(Board, config=CONFIG) as server:
        page = (await ask(server, "GET", "/board/signin/")).text
        address = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
        assert (await ask(server, "GET", address)).headers["Cache-Control"] == "public, max-age=31536000, immutable"
        for other in ("/board/static/board.css?v=0", f"{address}&x=1"):
            assert (await ask(server, "GET", other)).headers["Cache-Control"] == "no-cache"
        bare = "/board/static/board.css"
        etag = (await ask(server, "GET", bare)).headers["ETag"]
        for known, status in ((etag, 304), (f'"x", W/{etag}', 304), ("*", 304), ('"x"', 200), (etag.strip('"'), 200)):
            answer = await ask(server, "GET", bare, headers={"If-None-Match": known})
            assert answer.headers["Cache-Control"] == "no-cache"
            assert (answer.status, bool(answer.text), answer.headers["ETag"]) == (status, status == 200, etag)


@pytest.mark.parametrize("name", OUTSIDE)
async def test_no_spelling_reaches_another_file(serve: Serve, name: str) -> None:
    """Only the names that were read at the start are there."""
    async with serve(Board, config=CONFIG) as server:
        answer = await _raw(server, f"/board/static/{name}")
        status = answer.split(b" ", 2)[1]
        assert status in (b"404", b"400") or (status == b"200" and name == "board.css/"), answer
        assert b"class Board" not in answer
        assert b"root:" not in answer


async def test_a_path_of_files_belongs_to_no_operation(serve: Serve) -> None:
    """Other verbs are refused."""
    async with serve(Board, config=CONFIG) as server:
        answer = await ask(server, "POST", "/board/static/board.css", accept=None)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
