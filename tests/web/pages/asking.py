"""What a browser does, without one: it keeps cookies, says where it is, and fills in forms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pi_server.testing import Served

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CONFIG: Mapping[str, Any] = {
    "chains": {"site": ["session", "jwt", "csrf"]},
    "services": {"board": {"chain": "site", "notes": []}},
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def location(self) -> str:
        """Where a redirect leads."""
        return self.headers["Location"]

    @property
    def token(self) -> str:
        """The CSRF token in the page's first form."""
        found = re.search(r'<input type="hidden" name="csrf_token" value="([^"]+)">', self.text)
        assert found, self.text
        return found[1]


async def ask(server: Served, verb: str, path: str, *, accept: str | None = ACCEPT, **given: Any) -> Answer:
    """The answer to a page of this site; no redirect is followed, and ``accept`` None sends no such header."""
    headers = {"Origin": server.url, **({"Accept": accept} if accept else {}), **given.pop("headers", {})}
    async with server.session.request(
        verb, path, headers=headers, allow_redirects=False, skip_auto_headers=["Accept"], **given
    ) as response:
        return Answer(response.status, response.headers, await response.text())


async def sign_in(server: Served) -> str:
    """Sign in as Ann, from a browser without cookies, and return the CSRF token of the page shown next."""
    server.session.cookie_jar.clear()
    answer = await ask(server, "POST", "/board/signin/", data={"user": "ann", "password": "open sesame"})
    assert (answer.status, answer.location) == (303, "/board/")
    return (await ask(server, "GET", "/board/")).token
