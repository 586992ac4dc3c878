"""The credential of a consumer that shows a JSON Web Token, as RFC 6750 has it or in a cookie."""

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import hdrs, web

from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import TwoCredentials, Unauthenticated
from pi_server.web.middleware.credentials import Credential
from pi_server.web.sessions.cookies import cookies_named

LONGEST_TOKEN = 8192
"""Characters of a token, at most; a longer one is not looked at."""

Verify = Callable[[str, str], Consumer | Awaitable[Consumer]]
"""Whose token it is in a realm, at once or to be awaited; raises `Unauthenticated` with a reason for the log."""


def jwt_credential(verify: Verify, realm: str, cookie: str) -> Credential:
    """A token for ``realm``, in ``Authorization: Bearer`` or the cookie of that name, or the same one in both."""
    challenge = f'Bearer realm="{realm}"'
    refused: dict[str, str] = {hdrs.WWW_AUTHENTICATE: f'{challenge}, error="invalid_token"'}

    def refusal(fault: Unauthenticated) -> Unauthenticated:
        return Unauthenticated(headers=refused, reason=fault.reason)

    def authenticate(request: web.Request) -> Consumer | Awaitable[Consumer]:
        token = _one(_shown(request, cookie))
        try:
            _check_text(token)
            found = verify(token, realm)
        except Unauthenticated as fault:
            raise refusal(fault) from None
        return found if isinstance(found, Consumer) else later(found)

    async def later(found: Awaitable[Consumer]) -> Consumer:
        try:
            return await found
        except Unauthenticated as fault:
            raise refusal(fault) from None

    return Credential("jwt", partial(_is_shown, cookie=cookie), authenticate, challenge)


def bearer_tokens(request: web.Request) -> list[str]:
    """What a request shows as bearer tokens; other schemes of ``Authorization`` are none of ours."""
    found: list[str] = []
    for value in request.headers.getall(hdrs.AUTHORIZATION, ()):
        scheme, _, token = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            found.append(token.strip())
    return found


def _shown(request: web.Request, cookie: str) -> list[str]:
    return bearer_tokens(request) + cookies_named(request, cookie)


def _is_shown(request: web.Request, *, cookie: str) -> bool:
    return bool(_shown(request, cookie))


def _one(tokens: list[str]) -> str:
    if not tokens:
        raise Unauthenticated(reason="no JWT")
    if tokens.count(tokens[0]) < len(tokens):
        raise TwoCredentials(reason="different JWTs")
    return tokens[0]


def _check_text(token: str) -> None:
    if len(token) > LONGEST_TOKEN:
        raise Unauthenticated(reason="JWT longer than 8 KiB")
    if not token.isascii():
        raise Unauthenticated(reason="JWT with other characters than ASCII")
