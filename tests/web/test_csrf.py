"""CSRF over HTTP: who may change something with a credential a browser sends by itself."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.web.portal import FORM
from tests.web.signing import Answer, Worker, setting, worker

FOREIGN = ("https://evil.example", "null", "http://127.0.0.1:1", "https://{host}")
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TYPES = ("application/json", FORM, "text/plain", "multipart/form-data; boundary=x")


class Page:
    """A page of the portal's own site, signed in."""

    def __init__(self, portal: Worker, signed_in: Answer) -> None:
        self.portal = portal
        self.cookies = {name: morsel.value for name, morsel in signed_in.cookies.items()}
        self.token = self.cookies.get("pi-session-csrf", "")
        self.own = portal.url

    async def ask(self, verb: str, *, headers: Mapping[str, str], body: str = "{}", kind: str = TYPES[0]) -> Answer:
        """Send what a browser would: the cookies always."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent: dict[str, Any] = {} if verb in {"GET", "DELETE"} else {"data": body}
        return await self.portal.ask(
            verb, "/portal/thing", cookie=cookie, headers={**headers, "Content-Type": kind}, **sent
        )


async def _page(portal: Worker, user: str = "ann") -> Page:
    return Page(portal, await portal.ask("POST", "/portal/sign-in", json={"user": user}))


async def test_the_matrix() -> None:
    """5 origins x 5 verbs x 4 content types, each with the right token: only the own origin changes anything."""
    async with worker(setting()) as portal:
        page = await _page(portal)
        host = portal.url.removeprefix("http://")
        for origin in (portal.url, *(foreign.format(host=host) for foreign in FOREIGN)):
            for verb in VERBS:
                for kind in TYPES:
                    headers = {"Origin": origin, "x-csrf-token": page.token}
                    answer = await page.ask(verb, headers=headers, kind=kind, body="name=x" if kind == FORM else "{}")
                    expected = 200 if verb in {"GET", "DELETE"} or kind in TYPES[:2] else 415
                    if verb != "GET" and origin != portal.url:
                        expected = 403
                    assert answer.status == expected, (origin, verb, kind)
                    assert expected != 403 or answer.body["error"]["code"] == "cross_site"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{own}"}, False),
        ({"Origin": "{own}"}, True),
        ({"Origin": "{own}/"}, False),
        ({"Origin": "{own}.evil.example"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "é"}, False),
        ({}, False),
    ],
)
async def test_where_a_request_comes_from(headers: dict[str, str], allowed: bool) -> None:
    """Each of both headers that is there must name this origin, and one of them must be there."""
    async with worker(setting()) as portal:
        page = await _page(portal)
        given = {name: value.format(own=portal.url) for name, value in headers.items()}
        answer = await page.ask("POST", headers={**given, "x-csrf-token": page.token})
        assert answer.status == (200 if allowed else 403)


async def test_the_ports_everybody_leaves_out() -> None:
    """Behind TLS the origin is https; 443 is the same with and without."""
    async with worker(setting(secure=True)) as portal:
        answer = await portal.ask("POST", "/portal/sign-in", json={"user": "ann"})
        page = Page(portal, answer)
        token = {"x-csrf-token": answer.cookies["__Host-pi-csrf"].value}
        for host, origin, status in (
            ("shop.example", "https://shop.example", 200),
            ("shop.example:443", "https://shop.example", 200),
            ("Shop.example", "https://shop.EXAMPLE:443", 200),
            ("shop.example", "http://shop.example", 403),
            ("shop.example:8443", "https://shop.example", 403),
            ("shop.example:80", "https://shop.example", 403),
        ):
            answer = await page.ask("POST", headers={"Host": host, "Origin": origin, **token})
            assert answer.status == status, (host, origin)


async def test_only_the_token_of_this_sign_in_counts() -> None:
    """None, another user's, one of an earlier session, or the session's cookie itself: 403."""
    async with worker(setting()) as portal:
        page, other = await _page(portal), await _page(portal, "bob")
        for token in ("", "x", "é", other.token, page.cookies["pi-session"], page.token[:-2], page.token * 40):
            answer = await page.ask("POST", headers={"Origin": portal.url, "x-csrf-token": token})
            assert answer.status == 403, token
        page.cookies["pi-session-csrf"] = other.token
        planted = await page.ask("POST", headers={"Origin": portal.url, "x-csrf-token": other.token})
        assert planted.status == 403, "header and cookie that agree prove nothing"
        assert (await page.ask("POST", headers={"Origin": portal.url})).status == 403


async def test_a_form_may_carry_the_token() -> None:
    """In the field csrf_token, once; the operation reads the same body afterwards."""
    async with worker(setting()) as portal:
        page = await _page(portal)
        right = urlencode({"name": "n", "csrf_token": page.token})
        for body, status in (
            (right, 200),
            ("name=n&csrf_token=x", 403),
            ("name=n", 403),
            (f"{right}&csrf_token=x", 403),
            ("csrf_token=%ff", 403),
            ("&" * 2000, 403),
        ):
            answer = await page.ask("POST", headers={"Origin": portal.url}, kind=FORM, body=body)
            assert answer.status == status, body


async def test_what_comes_in_a_header_is_exempt() -> None:
    """A bearer and a service token are nothing a browser sends by itself."""
    async with worker(setting()) as portal:
        for headers in ({"x-srv-token": "machine"}, {"Authorization": "Bearer good"}):
            answer = await portal.ask(
                "POST", "/portal/thing", json={}, headers={**headers, "Origin": "https://evil.example"}
            )
            assert answer.status == 200


async def test_a_jwt_in_a_cookie_is_guarded() -> None:
    """A safe answer hands the page a token, good for this user only; with it and the origin it may change things."""
    async with worker(setting()) as portal:
        seen = await portal.ask("GET", "/portal/thing", cookie="token=good")
        token = seen.cookies["pi-session-csrf"].value
        own = {"Origin": portal.url, "x-csrf-token": token}
        for cookie, headers, status in (
            ("token=good", own, 200),
            ("token=late-good", own, 200),
            ("token=other", own, 403),
            ("token=good", {"Origin": portal.url}, 403),
            ("token=good", {**own, "Origin": "https://evil.example"}, 403),
        ):
            answer = await portal.ask("POST", "/portal/thing", json={}, cookie=cookie, headers=headers)
            assert answer.status == status, (cookie, headers)
        again = await portal.ask("GET", "/portal/thing", cookie=f"token=good; pi-session-csrf={token}")
        assert not again.cookies
        bob = await portal.ask("GET", "/portal/thing", cookie=f"token=other; pi-session-csrf={token}")
        assert set(bob.cookies) == {"pi-session-csrf"}


async def test_a_page_that_lost_its_token_gets_another() -> None:
    """A safe answer brings it back, and only where it is missing."""
    async with worker(setting()) as portal:
        page = await _page(portal)
        assert not (await page.ask("GET", headers={})).cookies
        del page.cookies["pi-session-csrf"]
        token = (await page.ask("GET", headers={})).cookies["pi-session-csrf"].value
        assert (await page.ask("POST", headers={"Origin": portal.url, "x-csrf-token": token})).status == 200


async def test_no_other_site_signs_people_in() -> None:
    """Login CSRF: without a session the origin alone counts; with one, its token too."""
    async with worker(setting()) as portal:
        path, body = "/portal/safe-sign-in", {"user": "mallory"}
        for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            refused = await portal.ask("POST", path, json=body, headers=headers)
            assert (refused.status, set(refused.cookies)) == (403, set())
        own = {"Origin": portal.url}
        assert (await portal.ask("POST", path, json=body, headers=own)).status == 200
        page = await _page(portal)
        cookie = f"pi-session={page.cookies['pi-session']}"
        assert (await portal.ask("POST", path, json=body, headers=own, cookie=cookie)).status == 403
        assert (await portal.ask("POST", path, json=body, headers=own, cookie="pi-session=x")).status == 200
        own["x-csrf-token"] = page.token
        assert (await portal.ask("POST", path, json=body, headers=own, cookie=cookie)).status == 200
