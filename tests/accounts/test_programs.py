"""What a program does with an account: sign up, sign in, keep records, change the password, leave."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from pi_server.testing import Served
from tests.accounts.scene import PASSWORD, RECORD, Person, person, serving


async def test_the_whole_story(server: Served) -> None:
    """Sign up, sign in, add, list, change, delete, sign out; the copied token no longer works."""
    ann = await person(server)
    added = await ann.add()
    assert {name: added[name] for name in RECORD} == {
        **RECORD,
        "taken": "2026-11-21T08:30:00Z",
        "position": added["position"],
    }
    assert [one["id"] for one in await ann.records()] == [added["id"]]
    changed = await ann.ask("PUT", f"/records/{added['id']}", {**RECORD, "value": "120/80"})
    assert (changed.data["value"], changed.data["added"]) == ("120/80", added["added"])
    assert (await ann.ask("GET", f"/records/{added['id']}")).data == changed.data
    assert (await ann.ask("DELETE", f"/records/{added['id']}")).status == 204
    assert await ann.records() == []
    assert (await ann.ask("POST", "/signout/")).status == 204
    refused = await ann.ask("GET", "/records/")
    assert (refused.status, refused.code) == (401, "unauthenticated")


async def test_a_token_is_as_in_the_source(server: Served) -> None:
    """In ``Token`` of the answer and in the cookie ``token``; it names its user and lives for 15 minutes."""
    await Person(server).sign_up()
    answer = await Person(server).try_sign_in()
    token = answer.data["Token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["Username"] == "ann@example.com"
    assert claims["exp"] - claims["iat"] == pytest.approx(900)
    assert answer.headers["Set-Cookie"] == f"token={token}; Max-Age=900; Path=/; HttpOnly; SameSite=Lax"
    with_cookie = Person(server, headers={"Cookie": f"token={token}"})
    assert (await with_cookie.ask("GET", "/records/")).status == 200
    refused = await with_cookie.ask("POST", "/user/add/", dict(RECORD))
    assert (refused.status, refused.code) == (403, "cross_site")


FAULTS: list[tuple[str, Any, int, str]] = [
    ("/signup/", {"email": "ann", "password": PASSWORD}, 400, "InvalidEmailFormatErrorId"),
    ("/signup/", {"email": "ann@example.com", "password": "short"}, 400, "InvalidPasswordFormatErrorId"),
    ("/signup/", {"email": "ann@example.com", "password": "ann@example.com!"}, 400, "InvalidPasswordFormatErrorId"),
    ("/signup/", {"email": "ann@example.com", "password": "p" * 2000}, 422, "invalid_input"),
    ("/signup/", {"email": {"$gt": ""}, "password": {"$ne": ""}}, 422, "invalid_input"),
    ("/signup/", {"email": "ann@example.com", "password": PASSWORD, "role": "admin"}, 422, "invalid_input"),
    ("/signin/", {"email": "ann", "password": PASSWORD}, 400, "InvalidEmailFormatErrorId"),
    ("/signin/", {"email": "ann@example.com", "password": "x"}, 401, "InvalidCredentialsErrorId"),
    ("/signin/", {"email": "ann@example.com"}, 422, "invalid_input"),
    ("/signin/", [], 422, "invalid_input"),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), FAULTS)
async def test_a_fault_has_the_id_of_the_source(server: Served, path: str, body: Any, status: int, code: str) -> None:
    """Where the source has one for it."""
    answer = await Person(server).ask("POST", path, body)
    assert (answer.status, answer.code) == (status, code)


async def test_a_body_that_is_no_json_is_told_by_the_sources_id(server: Served) -> None:
    """With the status of the source, too."""
    for path in ("/signup/", "/signin/", "/user/add/"):
        async with server.session.post(
            f"/accounts{path}",
            data=b"{",
            headers={"content-type": "application/json", "Authorization": f"Bearer {(await person(server)).token}"},
        ) as answer:
            told = await answer.json()
        assert (answer.status, told["error"]["code"]) == (400, "ParseErrorId")


async def test_a_changed_password_ends_everything_else(server: Served) -> None:
    """The current one is needed; then other tokens and the old password are good for nothing, and a new token is."""
    ann, other = await person(server), await Person(server).sign_in()
    for wrong in ("another horse battery staple", ""):
        refused = await ann.ask("POST", "/password/", {"current": wrong, "new": "a long walk along the sea"})
        assert (refused.status, refused.code) == (401, "InvalidCredentialsErrorId")
    weak = await ann.ask("POST", "/password/", {"current": PASSWORD, "new": "passwordpassword"})
    assert (weak.status, weak.code) == (400, "InvalidPasswordFormatErrorId")
    assert (await other.ask("GET", "/records/")).status == 200
    changed = await ann.ask("POST", "/password/", {"current": PASSWORD, "new": "a long walk along the sea"})
    for old in (ann, other):
        assert (await old.ask("GET", "/records/")).status == 401
    assert (await Person(server, token=changed.data["Token"]).ask("GET", "/records/")).status == 200
    assert (await Person(server).try_sign_in()).status == 401
    assert (await Person(server).try_sign_in("a long walk along the sea")).status == 200


async def test_nobody_slips_in_with_the_old_password(server: Served) -> None:
    """Of sign-ins at the very moment of the change none lasts, by token or by session."""
    ann = await person(server)
    entering = [asyncio.create_task(_enter(server, n)) for n in range(12)]
    await asyncio.sleep(0.05)
    changed = await ann.ask("POST", "/password/", {"current": PASSWORD, "new": "a long walk along the sea"})
    assert changed.status == 200
    for entered in filter(None, await asyncio.gather(*entering)):
        assert (await entered.ask("GET", "/records/")).status == 401
    assert (await Person(server, token=changed.data["Token"]).ask("GET", "/records/")).status == 200


async def _enter(server: Served, n: int) -> Person | None:
    """Whoever got in, with a token or with a session."""
    ann = Person(server, source=f"127.0.4.{n + 1}")
    await asyncio.sleep(n * 0.01)
    if n % 2:
        answer = await ann.try_sign_in()
        return Person(server, token=answer.data["Token"]) if answer.status == 200 else None
    form = {"email": ann.email, "password": PASSWORD}
    answer = await ann.ask("POST", "/signin/", data=form, allow_redirects=False)
    cookies = "; ".join(
        line.split(";")[0] for line in answer.headers.getall("Set-Cookie", []) if "Max-Age=0" not in line
    )
    return Person(server, headers={"Cookie": cookies}) if answer.status == 303 else None


async def test_a_deleted_account_leaves_nothing(tmp_path: Path) -> None:
    """No record, session, token or address, in no collection and in no file; other people's stay."""
    async with serving(tmp_path / "server") as server:
        ann, bob = await person(server), await person(server, "bob")
        other = await Person(server).sign_in()
        kept = [await one.add(note="of " + one.email) for one in (ann, ann, bob)]
        refused = await ann.ask("POST", "/delete/", {"password": "another horse battery staple"})
        assert refused.code == "InvalidCredentialsErrorId"
        assert (await ann.ask("POST", "/delete/", {"password": PASSWORD})).status == 204
        for gone in (ann, other):
            assert (await gone.ask("GET", "/records/")).status == 401
        assert (await Person(server).try_sign_in()).code == "InvalidCredentialsErrorId"
        assert [one["id"] for one in await bob.records()] == [kept[2]["id"]]
        await Person(server).sign_up()
        assert await (await Person(server).sign_in()).records() == []


async def test_records_come_in_pages_the_latest_first(server: Served) -> None:
    """By the time they were taken; ``next`` leads on."""
    ann = await person(server)
    for hour in (3, 1, 2):
        await ann.add(taken=f"2026-11-21T0{hour}:00:00Z")
    first = (await ann.ask("GET", "/records/?limit=2")).data
    rest = (await ann.ask("GET", "/records/", params={"after": first["next"]})).data
    assert [one["taken"][12] for one in (*first["records"], *rest["records"])] == ["3", "2", "1"]
    assert rest["next"] is None
    assert (await ann.ask("GET", "/records/?after=nowhere")).code == "invalid_cursor"
    assert (await ann.ask("GET", "/records/?limit=101")).code == "invalid_input"


async def test_the_core_answers_ping_where_the_root_is_bare(tmp_path: Path) -> None:
    """With the paths of the source: ``/ping/``, ``/signup/``, ``/signin/``, ``/user/add/``."""
    services = {"accounts": {"chain": "people", "root": "/"}}
    async with serving(tmp_path / "server", services=services) as server:
        async with server.session.get("/ping/") as answer:
            assert (answer.status, await answer.text()) == (200, "pong")
        async with server.session.get("/signin/", headers={"Accept": "text/html"}) as answer:
            (style,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', await answer.text())
        async with server.session.get(style) as answer:
            assert (answer.status, answer.content_type) == (200, "text/css")
        person = {"email": "ann@example.com", "password": PASSWORD}
        async with server.session.post("/signup/", json=person) as answer:
            assert answer.status == 202
        async with server.session.post("/signin/", json=person) as answer:
            token = (await answer.json())["data"]["Token"]
        headers = {"Authorization": f"Bearer {token}"}
        server.session.cookie_jar.clear()
        async with server.session.post("/user/add/", json=dict(RECORD), headers=headers) as answer:
            assert answer.status == 201
