"""Pages over HTTP: forms in, HTML out, beside operations for programs."""

import re
from collections.abc import Mapping
from typing import Any

from pi_server.testing import Serve, Served
from tests.web.pages.board.service import Board

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
CONFIG: Mapping[str, Any] = {
    "chains": {"site": ["session", "csrf"]},
    "services": {"board": {"chain": "site", "notes": []}},
}


async def ask(server: Served, verb: str, path: str, **given: Any) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and text of what a browser on a page of this site is answered; it follows no redirect."""
    headers = {**HTML, "Origin": server.url, **given.pop("headers", {})}
    async with server.session.request(verb, path, headers=headers, allow_redirects=False, **given) as response:
        return response.status, response.headers, await response.text()


async def sign_in(server: Served) -> str:
    """Sign in, and return the CSRF token of the first page after that."""
    form = {"user": "ann", "password": "open sesame"}
    status, headers, _ = await ask(server, "POST", "/board/signin/", data=form)
    assert (status, headers["Location"]) == (303, "/board/")
    _, _, page = await ask(server, "GET", "/board/")
    return token_in(page)


def token_in(page: str) -> str:
    """The CSRF token in a page's first form."""
    found = re.search(r'<input type="hidden" name="csrf_token" value="([^"]+)">', page)
    assert found, page
    return found[1]


async def test_somebody_signs_in_pins_a_note_and_signs_out(serve: Serve) -> None:
    """Sent to sign in and back, the note is shown escaped, and afterwards the page asks to sign in again."""
    async with serve(Board, config=CONFIG) as server:
        status, headers, _ = await ask(server, "GET", "/board/?mark=a%26b")
        assert (status, headers["Location"]) == (303, "/board/signin/?next=/board/%3Fmark%3Da%2526b")
        form = {"user": "ann", "password": "open sesame"}
        status, headers, _ = await ask(server, "POST", headers["Location"], data=form)
        assert (status, headers["Location"]) == (303, "/board/?mark=a%26b")
        status, _, page = await ask(server, "GET", headers["Location"])
        assert (status, 'data-mark="a&amp;b"' in page, "ann" in page) == (200, True, True)
        note = {"text": "<b>hello</b>", "urgent": "on", "stars": "", "csrf_token": token_in(page)}
        status, headers, _ = await ask(server, "POST", "/board/", data=note)
        assert (status, headers["Location"]) == (303, "/board/")
        _, _, page = await ask(server, "GET", "/board/")
        assert '<li title="&lt;b&gt;hello&lt;/b&gt;">&lt;b&gt;hello&lt;/b&gt;</li>' in page
        status, _, _ = await ask(server, "POST", "/board/signout/", data={"csrf_token": token_in(page)})
        assert status == 303
        assert (await ask(server, "GET", "/board/"))[0] == 303
