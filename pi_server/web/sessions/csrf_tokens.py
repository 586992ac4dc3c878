"""Tokens that prove that a page of this site made the request: no other site's page can read them."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from pi_server.domain.call import Call
from pi_server.domain.security import Sealer
from pi_server.web.sessions.cookies import Cookie
from pi_server.web.sessions.record import Record

FormToken = Callable[[Call], Awaitable[str]]
"""Makes the token that the forms of a page carry; empty where they need none."""

_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class CsrfTokens:
    """Sealed for one sign-in, and given to pages in a cookie their scripts can read.

    What counts is what a token was sealed for; that it also comes as a cookie proves nothing and is not asked.
    """

    sealer: Sealer
    cookie: Cookie

    def give(self, response: web.StreamResponse, sign_in: str) -> None:
        """Hand a page its token."""
        self.cookie.put(response, self.seal(sign_in))

    def seal(self, sign_in: str) -> str:
        """A token, another one each time, so that what compresses a page betrays nothing of it."""
        return self.sealer.seal(_plain(sign_in))

    def good(self, token: str | None, sign_in: str) -> bool:
        """Whether ``token`` was sealed for this sign-in; for any text, without raising."""
        if token is None or len(token) > _LONGEST or not token.isascii():
            return False
        opened = self.sealer.unseal(token)
        return opened is not None and hmac.compare_digest(opened.plain, _plain(sign_in))


def by_session(record: Record) -> str:
    """The sign-in of a session: ends with it."""
    return f"session/{record.id}"


def _plain(sign_in: str) -> bytes:
    return sign_in.encode("utf-8", "surrogatepass")
