"""Which credential counts: exactly one of the kinds a chain names, judged by presence."""

from typing import Any

import pytest
from aiohttp import web

from pi_server.domain.consumer import Consumer
from pi_server.web.middleware.credentials import Credential, credentials
from tests.web.signing import setting, worker

TOKEN = {"x-srv-token": "machine"}
BEARER = {"Authorization": "Bearer good"}


async def test_each_kind_alone_is_let_in() -> None:
    """One chain takes a service token, a session and a JWT."""
    async with worker(setting()) as portal:
        session = await portal.sign_in()
        shown: list[tuple[dict[str, Any], str]] = [
            ({"headers": TOKEN}, "token"),
            ({"cookie": session}, "session"),
            ({"headers": BEARER}, "jwt"),
            ({"cookie": "token=good"}, "jwt"),
        ]
        for given, kind in shown:
            answer = await portal.ask("GET", "/portal/any", **given)
            assert (answer.status, answer.data) == (200, kind)


async def test_no_credential_is_asked_for_all_kinds() -> None:
    """401 with a challenge for each kind, and no error where nothing was shown."""
    async with worker(setting()) as portal:
        answer = await portal.ask("GET", "/portal/any", headers={"Authorization": "Basic YTpi"})
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'x-srv-token, session, Bearer realm="portal"'


@pytest.mark.parametrize(
    ("headers", "cookie"),
    [
        ({**TOKEN, **BEARER}, ""),
        (TOKEN, "pi-session=x"),
        (TOKEN, "token=good"),
        (BEARER, "pi-session=x"),
        ({}, "pi-session=x; token=good"),
        ({**TOKEN, **BEARER}, "pi-session=x; token=good"),
        ({"x-srv-token": "wrong", "Authorization": "Bearer wrong"}, ""),
        (BEARER, "token=other"),
        ({}, "token=good; token=other"),
    ],
)
async def test_two_credentials_are_refused(headers: dict[str, str], cookie: str) -> None:
    """400 whether or not any of them is valid: nothing is opened to find out."""
    async with worker(setting()) as portal:
        answer = await portal.ask("GET", "/portal/any", headers=headers, cookie=cookie)
        assert (answer.status, answer.body["error"]["code"]) == (400, "two_credentials")


async def test_one_bad_credential_is_refused_as_its_kind_is() -> None:
    """A single credential that is not valid is 401 with the challenge of its kind only."""
    async with worker(setting()) as portal:
        shown: list[tuple[dict[str, Any], str]] = [
            ({"headers": {"x-srv-token": "wrong"}}, "x-srv-token"),
            ({"cookie": "pi-session=x"}, "session"),
            ({"headers": {"Authorization": "Bearer wrong"}}, 'Bearer realm="portal", error="invalid_token"'),
        ]
        for given, challenge in shown:
            answer = await portal.ask("GET", "/portal/any", **given)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, challenge)


async def test_a_kind_the_chain_does_not_name_is_not_looked_at() -> None:
    """A service token neither opens a chain of sessions, nor stands in the way of one."""
    async with worker(setting()) as portal:
        session = await portal.sign_in()
        assert (await portal.ask("GET", "/portal/me", headers=TOKEN)).status == 401
        assert (await portal.ask("GET", "/portal/me", headers={**TOKEN, **BEARER}, cookie=session)).status == 200


async def test_a_chain_names_kinds_and_each_once() -> None:
    """No kind, or one twice, is a mistake of whoever composes the chain."""

    def present(_: web.Request) -> bool:
        return False

    def authenticate(_: web.Request) -> Consumer:
        return Consumer()

    kind = Credential("token", present, authenticate, "x")
    for kinds in ((), (kind, kind)):
        with pytest.raises(ValueError, match="different kinds"):
            credentials(*kinds)
