"""Answers written without aiohttp: what it would have written, and only where nothing about them is special."""

import re
from collections.abc import Callable

import pytest
from aiohttp import web

from pi_server import Service, get
from pi_server.server.connections import answer, connection
from pi_server.web.endpoint import Handler
from tests.web.chained import Link, chained

JSON = {"Content-Type": "application/json"}


class Nothing(Service):
    """Only there to have a path."""

    @get("/thing")
    async def thing(self, _call: object) -> None:
        """Never reached."""


def _answering(*responses: web.Response) -> Link:
    """A link that gives these answers, one after the other."""
    left = list(responses)

    def link(_: Handler) -> Handler:
        async def handle(_: web.Request) -> web.StreamResponse:
            return left.pop(0)

        return handle

    return link


async def _raw(request: bytes, response: web.Response) -> bytes:
    async with chained(Nothing(), inside=(_answering(response),)) as served:
        answered = await served.raw(request)
    return re.sub(rb"(Date: |activityid: )[^\r]*", rb"\1", answered)


def _never(_: web.BaseRequest, __: web.StreamResponse) -> None:
    return None


def _with_cookie() -> web.Response:
    made = web.Response(body=b"x", headers=JSON)
    made.set_cookie("a", "b")
    return made


def _closing() -> web.Response:
    made = web.Response(body=b"x", headers=JSON)
    made.force_close()
    return made


def _packed() -> web.Response:
    made = web.Response(body=b"x" * 2000, headers=JSON)
    made.enable_compression(web.ContentCoding.deflate)
    return made


KINDS: dict[str, Callable[[], web.Response]] = {
    "usual": lambda: web.Response(body=b'{"a":1}', headers=JSON),
    "empty": lambda: web.Response(status=204),
    "without a body": lambda: web.Response(status=400, headers=JSON),
    "dated": lambda: web.Response(body=b"x", headers={**JSON, "Date": "never"}),
    "unmodified": lambda: web.Response(status=304, headers=JSON),
    "other reason": lambda: web.Response(body=b"x", status=499, reason="Gone Away", headers=JSON),
    "of no type": lambda: web.Response(body=b"x"),
    "large": lambda: web.Response(body=b"x" * 100_000, headers=JSON),
    "with a cookie": _with_cookie,
    "closing": _closing,
    "packed": _packed,
}


@pytest.mark.parametrize("first_line", ["GET {} HTTP/1.1", "HEAD {} HTTP/1.1", "GET {} HTTP/1.0"])
@pytest.mark.parametrize("kind", KINDS)
async def test_every_answer_is_written_as_aiohttp_writes_it(
    first_line: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status line, headers and their order, body and end are the same; only the usual answers are written here."""
    request = f"{first_line.format('/sample/thing')}\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    written: list[bytes | None] = []

    def noted(asked: web.BaseRequest, given: web.StreamResponse) -> bytes | None:
        written.append(answer.plain(asked, given))
        return written[-1]

    monkeypatch.setattr(connection, "plain", noted)
    ours = await _raw(request, KINDS[kind]())
    monkeypatch.setattr(connection, "plain", _never)
    assert ours == await _raw(request, KINDS[kind]())
    usual = kind in ("usual", "other reason", "closing") and first_line == "GET {} HTTP/1.1"
    assert [data is not None for data in written] == [usual]


async def test_an_answer_is_given_to_one_request_only() -> None:
    """A response that a plugin keeps and gives again could carry the cookie of one consumer to another."""
    kept = web.Response(body=b"{}", headers=JSON)
    async with chained(Nothing(), inside=(_answering(kept, kept),)) as served:
        first, second = [await served.ask("GET", "/sample/thing") for _ in range(2)]
    assert (first[0], second[0]) == (200, 500)
