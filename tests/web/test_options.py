"""OPTIONS, and the verbs nobody serves."""

from collections.abc import AsyncIterator

import pytest

from pi_server import Call, Service, get, post, put
from pi_server.web.middleware.options import options
from tests.web.chained import Chained, chained


class Desk(Service):
    """Has paths with one verb and with several."""

    root = "/desk"

    @get("/notes", public=True)
    async def read(self, call: Call) -> str:
        """Read."""
        return "note"

    @post("/notes")
    async def write(self, call: Call) -> str:
        """Write."""
        return "note"

    @put("/notes/{id}", public=True)
    async def change(self, call: Call, id: int) -> int:  # noqa: A002
        """Change."""
        return id


@pytest.fixture
async def desk() -> AsyncIterator[Chained]:
    """The desk, served."""
    async with chained(Desk(), inside=(options,)) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/desk/notes", "GET, HEAD, OPTIONS, POST"),
        ("/desk/notes/", "GET, HEAD, OPTIONS, POST"),
        ("/desk/notes/7", "OPTIONS, PUT"),
    ],
)
async def test_a_known_path_tells_its_verbs(desk: Chained, path: str, allow: str) -> None:
    """204, all verbs including OPTIONS itself and HEAD where there is GET; no credential is asked."""
    status, headers, body = await desk.ask("OPTIONS", path)
    assert (status, headers["allow"], body) == (204, allow, b"")
    assert headers["activityid"]


@pytest.mark.parametrize("path", ["/", "/desk", "/desk/note", "/elsewhere", "*"])
async def test_an_unknown_path_tells_nothing(desk: Chained, path: str) -> None:
    """404 like any verb there."""
    answer = await desk.raw(f"OPTIONS {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"allow:" not in answer.lower()


@pytest.mark.parametrize("verb", ["TRACE", "DELETE", "PROPFIND", "SEARCH"])
async def test_a_verb_nobody_serves_is_405_with_allow(desk: Chained, verb: str) -> None:
    """TRACE is never answered with the request, and rare verbs are no exception."""
    status, headers, body = await desk.ask(verb, "/desk/notes", headers={"x-secret": "s3cret"})
    assert status == 405
    assert {"GET", "HEAD", "POST"} <= set(headers["allow"].split(", "))
    assert b"s3cret" not in body


async def test_a_word_that_is_no_verb_is_no_http(desk: Chained) -> None:
    """The parser knows every registered verb; anything else it refuses before a path is looked at."""
    answer = await desk.raw(b"BREW /desk/notes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b" 400 " in answer.splitlines()[0]


async def test_connect_is_refused(desk: Chained) -> None:
    """This server is no tunnel."""
    answer = await desk.raw(b"CONNECT /desk/notes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ", b"HTTP/1.1 405 "))
