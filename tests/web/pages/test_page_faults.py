"""What a person is told when something goes wrong, and what every answer tells the browser."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from pi_server.testing import Serve, Served
from tests.web.pages.asking import ACCEPT, CONFIG, Answer, ask, sign_in
from tests.web.pages.board.service import Board

FAULTS = [
    ("GET", "/board/nothing", 404),
    ("GET", "/board/static/nothing.css", 404),
    ("DELETE", "/board/", 405),
    ("PUT", "/board/signin/", 405),
    ("GET", "/board/signin/?surprise=1", 422),
    ("POST", "/board/welcome", 422),
    ("GET", "/board/fails/declared", 409),
    ("GET", "/board/fails/missing", 500),
    ("GET", "/board/fails/undefined", 500),
    ("GET", "/board/fails/header", 500),
    ("GET", "/board/fails/anything", 500),
]
LIBRARIES = ("jinja", "aiohttp", "pydantic", "traceback", "undefined", "runtimeerror", "secret of the board")


def check_page(answer: Answer, status: int) -> None:
    """A small page that stands on its own: a language, a title, a heading, and the number to ask about."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert '<html lang="en">' in answer.text
    title = re.search("<title>(.+)</title>", answer.text)
    assert title
    assert f"<h1>{title[1]}</h1>" in answer.text
    assert f"<code>{answer.headers['activityid']}</code>" in answer.text
    assert not [word for word in LIBRARIES if word in answer.text.lower()]


@pytest.mark.parametrize(("verb", "path", "status"), FAULTS)
async def test_a_browser_is_told_by_a_page(serve: Serve, verb: str, path: str, status: int) -> None:
    """Of faults of pages, and of paths and verbs below their root that nobody serves."""
    async with serve(Board, config=CONFIG) as server:
        check_page(await ask(server, verb, path), status)


@pytest.mark.parametrize(("verb", "path", "status"), [one for one in FAULTS if one[2] in (404, 405)][0::2])
async def test_a_program_is_told_in_the_envelope(serve: Serve, verb: str, path: str, status: int) -> None:
    """Where no page was asked for."""
    async with serve(Board, config=CONFIG) as server:
        answer = await ask(server, verb, path, accept="application/json")
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")


async def test_elsewhere_nobody_gets_a_page(serve: Serve) -> None:
    """A path below no root with pages is refused in the server's envelope, whatever a browser accepts."""
    async with serve(Board, config=CONFIG) as server:
        answer = await ask(server, "GET", "/elsewhere")
        assert (answer.status, answer.headers["Content-Type"]) == (404, "application/json")


async def test_what_a_fault_says_is_escaped(serve: Serve) -> None:
    """Its text may hold what somebody typed."""
    async with serve(Board, config=CONFIG) as server:
        assert "The board is &lt;closed&gt;." in (await ask(server, "GET", "/board/fails/declared")).text


async def test_rates_and_busy_servers_are_told_by_pages(serve: Serve) -> None:
    """Also what the outer links refuse."""
    config = {**CONFIG, "limits": {"rates": {"address": "1/minute"}}}
    async with serve(Board, config=config) as server:
        assert (await ask(server, "GET", "/board/signin/")).status == 200
        answer = await ask(server, "GET", "/board/signin/")
        check_page(answer, 429)
        assert int(answer.headers["Retry-After"]) > 0


async def test_who_is_not_signed_in_is_sent_to_do_so(serve: Serve) -> None:
    """Back where they wanted to read; what they wanted to change is not repeated; no page sends to itself."""
    async with serve(Board, config=CONFIG) as server:
        for verb in ("GET", "HEAD"):
            assert (await ask(server, verb, "/board/?mark=x")).location == "/board/signin/?next=/board/%3Fmark%3Dx"
        sent = await ask(server, "POST", "/board/", data={"text": "x"})
        assert (sent.status, sent.location) == (303, "/board/signin/")
        check_page(await ask(server, "POST", "/board/signin/", params={"next": "raise"}, data={"user": "x"}), 401)
        answer = await ask(server, "GET", "/board/", accept="application/json")
        assert (answer.status, answer.headers["Content-Type"]) == (401, "application/json")
        lines = await server.access_log(at_least=3)
        assert "303" in lines[0]
        assert "401 unauthenticated" in lines[0]


async def test_without_a_sign_in_page_it_is_a_page_of_its_own(serve: Serve) -> None:
    """With the status 401."""

    class Plain(Board):
        sign_in_page = ""

    async with serve(Plain, config={**CONFIG, "services": {"plain": {"chain": "site", "notes": []}}}) as server:
        check_page(await ask(server, "GET", "/board/"), 401)


def policy(answer: Answer) -> dict[str, str]:
    """The directives of an answer's content security policy."""
    return dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))


async def test_a_page_may_run_only_what_is_its_own(serve: Serve) -> None:
    """Nothing inline without this answer's nonce, nothing from elsewhere, and no other site may frame it."""
    async with serve(Board, config=CONFIG) as server:
        answer = await ask(server, "GET", "/board/signin/")
    found = policy(answer)
    nonce = re.search('<script nonce="([^"]{16,})">', answer.text)
    assert nonce
    assert found["script-src"] == found["style-src"] == f"'self' 'nonce-{nonce[1]}'"
    assert found["default-src"] == found["base-uri"] == found["frame-ancestors"] == "'none'"
    assert found["form-action"] == found["connect-src"] == found["font-src"] == "'self'"
    assert found["img-src"] == "'self' data:"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def _crawl(server: Served) -> list[Answer]:
    token = await sign_in(server)
    post: Mapping[str, Any] = {"data": {"text": "x", "csrf_token": token}}
    asked: list[tuple[str, str, Mapping[str, Any]]] = [
        *((verb, path, {}) for verb, path, _ in FAULTS),
        ("GET", "/board/", {}),
        ("HEAD", "/board/", {}),
        ("GET", "/board/", {"accept": None}),
        ("POST", "/board/", post),
        ("POST", "/board/", {"data": {"text": ""}}),
        ("POST", "/board/", {"data": {"stars": "x", "csrf_token": token}}),
        ("OPTIONS", "/board/", {}),
        ("TRACE", "/board/", {}),
        ("GET", "/board/plain.txt", {}),
        ("GET", "/board/static/board.css", {}),
        ("GET", "/board/static/board.css", {"headers": {"If-None-Match": "*"}}),
        ("GET", "/board/%FF", {}),
    ]
    return [await ask(server, verb, path, **given) for verb, path, given in asked]


async def test_every_answer_keeps_the_browser_in_bounds(serve: Serve) -> None:
    """Pages, redirects, faults, texts and files: each has a policy without a default, and is taken for what it says."""
    async with serve(Board, config=CONFIG) as server:
        answers = await _crawl(server)
    assert {answer.status for answer in answers} >= {200, 204, 303, 304, 404, 405, 409, 422, 403, 500}
    for answer in answers:
        assert policy(answer)["default-src"] == policy(answer)["frame-ancestors"] == "'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
        assert answer.headers["Cache-Control"] in ("no-store", "no-cache")


async def test_a_page_may_have_headers_of_its_own(serve: Serve) -> None:
    """They count before the server's, once each."""
    async with serve(Board, config=CONFIG) as server:
        answer = await ask(server, "GET", "/board/search?text=headers", accept=ACCEPT)
        assert answer.headers["X-Board"] == "1"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
