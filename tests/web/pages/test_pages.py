"""Pages over HTTP: forms in, HTML out, beside operations for programs."""

import json
from typing import Any

import pytest

from pi_server.testing import Serve
from tests.web.pages.asking import ACCEPT, CONFIG, ask, sign_in
from tests.web.pages.board.service import Board, Hall

FORM = "application/x-www-form-urlencoded"


async def test_somebody_signs_in_pins_a_note_and_signs_out(serve: Serve) -> None:
    """Sent to sign in and back, the note is shown escaped, and afterwards the page asks to sign in again."""
    async with serve(Board, config=CONFIG) as server:
        sent = await ask(server, "GET", "/board/?mark=a%26b")
        assert (sent.status, sent.location) == (303, "/board/signin/?next=/board/%3Fmark%3Da%2526b")
        back = await ask(server, "POST", sent.location, data={"user": "ann", "password": "open sesame"})
        assert (back.status, back.location) == (303, "/board/?mark=a%26b")
        page = await ask(server, "GET", back.location)
        assert (page.status, 'data-mark="a&amp;b"' in page.text, ">ann <" in page.text) == (200, True, True)
        note = {"text": "<b>hello</b>", "urgent": "on", "stars": "", "csrf_token": page.token}
        assert (await ask(server, "POST", "/board/", data=note)).location == "/board/"
        page = await ask(server, "GET", "/board/")
        assert '<li title="&lt;b&gt;hello&lt;/b&gt;">&lt;b&gt;hello&lt;/b&gt;</li>' in page.text
        assert (await ask(server, "POST", "/board/signout/", data={"csrf_token": page.token})).status == 303
        assert (await ask(server, "GET", "/board/")).status == 303


async def test_mistakes_stand_beside_their_fields(serve: Serve) -> None:
    """With what was typed, except the password; a mistake of the whole form stands above it."""
    async with serve(Board, config=CONFIG) as server:
        answer = await ask(server, "POST", "/board/signin/", data={"user": "A&B", "password": ""})
        assert answer.status == 422
        assert 'value="A&amp;B"' in answer.text
        assert '<p id="user-error">A name has small letters only.</p>' in answer.text
        assert '<p id="password-error">Please fill this in.</p>' in answer.text
        answer = await ask(server, "POST", "/board/signin/", data={"user": "ann", "password": "hunter2"})
        assert (answer.status, "hunter2" in answer.text) == (401, False)
        assert '<p id="form-error">Name or password is wrong.</p>' in answer.text
        empty = await ask(server, "POST", "/board/signin/", data=b"", headers={"Content-Type": FORM})
        assert (empty.status, empty.text.count("Please fill this in.")) == (422, 2)


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (ACCEPT, True),
        ("text/html", True),
        ("TEXT/HTML;q=0.1", True),
        ("text/*", True),
        ("text/html,application/json;q=0.9", True),
        ("text/html,application/json", False),
        ("text/html;q=0.5,application/json", False),
        ("application/json", False),
        ("*/*", False),
        ("text/html;q=0,*/*", False),
        ("", False),
        (None, False),
    ],
)
async def test_without_a_body_accept_chooses(serve: Serve, accept: str | None, page: bool) -> None:
    """Whoever prefers HTML gets the page, all others the data; caches are told what it depends on."""
    async with serve(Board, config=CONFIG) as server:
        await sign_in(server)
        answer = await ask(server, "GET", "/board/", accept=accept)
        kind = "text/html; charset=utf-8" if page else "application/json"
        assert (answer.status, answer.headers["Content-Type"], answer.headers["Vary"]) == (200, kind, "Accept")
        assert (await ask(server, "HEAD", "/board/", accept=accept)).headers["Content-Type"] == kind


@pytest.mark.parametrize(
    ("kind", "body", "accept", "status", "answered"),
    [
        (FORM, "text=x", ACCEPT, 303, "application/octet-stream"),
        (f"{FORM}; charset=utf-8", "text=x", "application/json", 406, "text/html"),
        ("application/json", '{"text": "x"}', ACCEPT, 200, "application/json"),
        ("application/json", '{"text": "x"}', "text/html", 406, "application/json"),
        ("text/plain", "text=x", ACCEPT, 415, "application/json"),
    ],
)
async def test_with_a_body_its_content_type_chooses(
    serve: Serve, kind: str, body: str, accept: str, status: int, answered: str
) -> None:
    """A form goes to the page, everything else to the other; whatever each answers, it answers in its own way."""
    async with serve(Board, config=CONFIG) as server:
        headers = {"x-csrf-token": await sign_in(server), "Content-Type": kind}
        answer = await ask(server, "POST", "/board/", data=body, headers=headers, accept=accept)
        assert answer.status == status
        assert status == 303 or answer.headers["Content-Type"].startswith(answered)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("text=x&admin=1", 422),
        ("text=x&csrf_token=again", 403),
        ("text=x&text=y", 400),
        ("text=%FF", 400),
        ("mark=1", 422),
    ],
)
async def test_a_form_with_more_than_it_has_is_refused(serve: Serve, body: str, status: int) -> None:
    """Unknown, doubled and unreadable fields are a fault, and no mistake to be shown beside a field."""
    async with serve(Board, config=CONFIG) as server:
        token = await sign_in(server)
        answer = await ask(server, "POST", "/board/", data=f"{body}&csrf_token={token}", headers={"Content-Type": FORM})
        assert (answer.status, "<form" in answer.text) == (status, False)
        assert json.loads((await ask(server, "GET", "/board/", accept=None)).text)["data"] == []


async def test_a_form_without_the_token_changes_nothing(serve: Serve) -> None:
    """Nor with one of another sign-in."""
    async with serve(Board, config=CONFIG) as server:
        old = await sign_in(server)
        await sign_in(server)
        for token in ({}, {"csrf_token": ""}, {"csrf_token": old}):
            answer = await ask(server, "POST", "/board/", data={"text": "x", **token})
            assert (answer.status, "out of date" in answer.text) == (403, True)


async def test_a_page_that_opens_the_session_has_its_token(serve: Serve) -> None:
    """The form it shows can be sent at once."""
    async with serve(Board, config=CONFIG) as server:
        page = await ask(server, "POST", "/board/welcome", data={"user": "bob"})
        assert page.status == 200
        sent = await ask(server, "POST", "/board/", data={"text": "x", "csrf_token": page.token})
        assert sent.status == 303


async def test_a_jwt_in_a_cookie_has_its_token_too(serve: Serve) -> None:
    """While one in a header needs none, so the page has none."""
    async with serve(Board, config=CONFIG) as server:
        issued = await ask(server, "POST", "/board/token", json={"user": "eve"}, accept=None)
        jwt = json.loads(issued.text)["data"]["user"]
        shown = {"Cookie": f"token={jwt}"}
        page = await ask(server, "GET", "/board/", headers=shown)
        sent = await ask(server, "POST", "/board/", data={"text": "x", "csrf_token": page.token}, headers=shown)
        assert sent.status == 303
        page = await ask(server, "GET", "/board/", headers={"Authorization": f"Bearer {jwt}"})
        assert (page.status, "csrf_token" in page.text, ">eve <" in page.text) == (200, False, True)


async def test_each_rendering_has_another_token_and_nonce(serve: Serve) -> None:
    """So nothing of either can be guessed, nor told from the length of a compressed page."""
    async with serve(Board, config=CONFIG) as server:
        await sign_in(server)
        pages = [await ask(server, "GET", "/board/") for _ in range(3)]
        assert len({page.token for page in pages}) == 3
        assert len({page.headers["Content-Security-Policy"] for page in pages}) == 3


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/%09/evil.example"])
async def test_the_way_back_leads_nowhere_else(serve: Serve, target: str) -> None:
    """A ``next`` that somebody made up leads to the service's own page."""
    async with serve(Board, config=CONFIG) as server:
        form = {"user": "ann", "password": "open sesame"}
        answer = await ask(server, "POST", "/board/signin/", params={"next": target}, data=form)
        assert answer.status == 303
        assert answer.location in ("/board/", "/board/%09/evil.example")


async def test_a_form_may_come_in_the_query(serve: Serve) -> None:
    """As that of a search does: the first visit shows it empty, a mistake stands beside its field."""
    async with serve(Board, config=CONFIG) as server:
        assert (await ask(server, "GET", "/board/search")).text == "\n"
        assert (await ask(server, "GET", "/board/search?stars=3&text=")).text == "3\n"
        assert (await ask(server, "GET", "/board/search?stars=7")).text == "This must be at most 5.\n"
        assert (await ask(server, "GET", "/board/search?sort=1")).status == 422


async def test_pages_are_not_in_the_api_description(serve: Serve) -> None:
    """The operations beside them are."""
    async with serve(Board, config=CONFIG) as server:
        told: dict[str, Any] = json.loads(
            (await ask(server, "GET", "/openapi/board.json", headers=server.headers)).text
        )
        found = {one["operationId"] for path in told["paths"].values() for one in path.values()}
        assert found == {"board.read_as_data", "board.pin", "board.sign_in", "board.token"}
        assert "text/html" not in json.dumps(told)


async def test_a_text_is_sent_as_it_is(serve: Serve) -> None:
    """With its type in UTF-8, to browsers and programs alike."""
    async with serve(Board, config={**CONFIG, "services": {"board": {"chain": "site", "notes": ["é", "b"]}}}) as server:
        for accept in (ACCEPT, "text/plain", None):
            answer = await ask(server, "GET", "/board/plain.txt", accept=accept)
            assert (answer.text, answer.headers["Content-Type"]) == ("é\nb", "text/plain; charset=utf-8")


async def test_a_redirect_may_have_headers_of_its_own(serve: Serve) -> None:
    """A cookie, say; where it leads stays its own to tell."""
    async with serve(Board, config=CONFIG) as server:
        answer = await ask(server, "GET", "/board/moved")
        assert (answer.status, answer.location, answer.headers["X-Board"]) == (307, "/board/%C3%A9%20?x=1#y", "1")


@pytest.mark.parametrize("root", ["/", "/a/b", "/board"])
async def test_everything_lies_below_the_root_that_is_configured(serve: Serve, root: str) -> None:
    """Files, forms, redirects and the sign-in page, those of nested services too; ``/`` leaves the core its paths."""
    config: dict[str, Any] = {**CONFIG, "services": {"hall": {"chain": "site", "notes": [], "root": root}}}
    below = root.rstrip("/")
    async with serve(Hall, config=config) as server:
        sent = await ask(server, "GET", f"{below}/")
        assert sent.location == f"{below}/signin/?next={below}/"
        back = await ask(server, "POST", sent.location, data={"user": "ann", "password": "open sesame"})
        assert back.location == f"{below}/"
        page = await ask(server, "GET", back.location)
        style = page.text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
        assert style.startswith(f"{below}/static/board.css?v=")
        assert (await ask(server, "GET", style)).status == 200
        assert f'action="{below}/signout/"' in page.text
        assert (await ask(server, "GET", f"{below}/notices/1")).text == "4\n"
        assert (await ask(server, "GET", f"{below}/notices/0")).location == f"{below}/signin/"
        assert (await ask(server, "GET", f"{below}/nothing")).headers["Content-Type"] == "text/html; charset=utf-8"
        assert (await ask(server, "GET", "/ping")).text == "pong"
