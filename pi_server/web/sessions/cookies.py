"""Cookies, as this server reads and sets them."""

from dataclasses import dataclass
from typing import Literal

from aiohttp import hdrs, web

SameSite = Literal["Lax", "Strict"]


def cookies_named(request: web.Request, name: str) -> list[str]:
    """Every value shown under ``name``; aiohttp's own reading keeps only one of several, and parses all others too."""
    found: list[str] = []
    for line in request.headers.getall(hdrs.COOKIE, ()):
        if name in line:
            found += (value for key, value in map(_pair, line.split(";")) if key == name and value)
    return found


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key.strip(), value.strip().strip('"')


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of this host alone: for every path, without a domain, and gone when the browser is closed."""

    name: str
    secure: bool
    same_site: SameSite = "Lax"
    http_only: bool = True

    def shown(self, request: web.Request) -> str | None:
        """The one value shown; None without one, and for several, of which somebody else may have set any."""
        values = cookies_named(request, self.name)
        return values[0] if values and values.count(values[0]) == len(values) else None

    def put(self, response: web.StreamResponse, value: str) -> None:
        """Have the browser keep ``value``."""
        response.set_cookie(
            self.name, value, secure=self.secure, httponly=self.http_only, samesite=self.same_site, path="/"
        )

    def remove(self, response: web.StreamResponse) -> None:
        """Have the browser forget it; with all its flags, or a browser ignores that for a ``__Host-`` name."""
        response.del_cookie(self.name, secure=self.secure, httponly=self.http_only, samesite=self.same_site, path="/")
