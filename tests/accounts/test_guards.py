"""Who gets at what: every route, every record, every field."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, cast, get_type_hints

import pytest
from pydantic import BaseModel
from pymongo import AsyncMongoClient

from pi_accounts.medical import MedicalRecord
from pi_accounts.service import Accounts
from pi_server.config import load
from pi_server.server.rehearsal import rehearse
from pi_server.testing import Served
from tests.accounts.scene import PASSWORD, RECORD, Person, configuration, person, serving
from tests.contracts.test_documents_mongo import WORDS, Heard, operators

PUBLIC = {"sign_up", "sign_up_page", "sign_up_by_form", "sign_in", "sign_in_form", "sign_in_by_form"}
PROOF = {"sign_out", "list_sessions"}


async def _mounts(tmp_path: Path) -> list[Any]:
    """Every operation, as it is mounted."""
    (tmp_path / "config.yaml").write_text(
        json.dumps({**configuration(), "services": {"accounts": {"chain": "people", "enabled": True}}})
    )
    rehearsed = await rehearse(load(tmp_path / "config.yaml", {}, services=("accounts",)))
    return rehearsed.mounts


async def test_every_route_declares_its_guard(tmp_path: Path) -> None:
    """Public are those that sign up and in, and no others; programs without a browser's word stand behind no cookie."""
    mounts = await _mounts(tmp_path)
    assert {mount.operation.name for mount in mounts if mount.operation.public} == PUBLIC
    assert {mount.operation.name for mount in mounts if mount.chain != "people"} == {"sign_up", "sign_in"}


async def test_without_a_credential_nothing_is_answered(tmp_path: Path, server: Served) -> None:
    """401 for programs, and the sign-in page for people, on every route that is not public."""
    stranger, asked = Person(server), 0
    for operation in (mount.operation for mount in await _mounts(tmp_path) if not mount.operation.public):
        path = re.sub(r"\{\w+\}", "0" * 32, operation.path).removeprefix("/accounts")
        headers = {"Accept": "text/html"} if operation.page else {}
        options: dict[str, Any] = {"headers": headers, "allow_redirects": False}
        if operation.page and operation.verb == "POST":
            options["data"] = {"password": PASSWORD}
        body: Any = {} if operation.verb in ("POST", "PUT") and not operation.page else None
        answer = await stranger.ask(operation.verb, path, body, **options)
        asked += 1
        assert answer.status == (303 if operation.page else 401), (operation.name, answer)
        assert not operation.page or answer.headers["Location"].startswith("/accounts/signin/")
    assert asked > 20


OBJECTS = ["/records/{id}", "/records/{id}/change", "/records/{id}/delete", "/sessions/{id}", "/sessions/{id}/end"]


async def test_nobody_reaches_what_is_somebody_elses(tmp_path: Path, server: Served) -> None:
    """Three people on every route with an object: another's and none are the same 404, and nothing changes."""
    people = [await (await person(server, name)).browse() for name in ("ann", "bob", "carl")]
    owned = {one.email: {"record_id": (await one.add())["id"], "session_id": await one.session()} for one in people}
    missing = "0123456789abcdef" * 2
    routes = [mount.operation for mount in await _mounts(tmp_path) if "{" in mount.operation.path]
    assert {re.sub(r"\{\w+\}", "{id}", one.path).removeprefix("/accounts") for one in routes} == set(OBJECTS)
    foreign = 0
    for (asking, other), operation in itertools.product(itertools.permutations(people, 2), routes):
        (kind,) = re.findall(r"\{(\w+)\}", operation.path)
        told = [await _asked(asking, operation, id_) for id_ in (owned[other.email][kind], missing)]
        assert told[0] == told[1], operation.name
        assert told[0][0] == 404, operation.name
        foreign += 1
    assert foreign == 6 * len(routes)
    for one in people:
        assert [record["id"] for record in await one.records()] == [owned[one.email]["record_id"]]
        assert await one.session() == owned[one.email]["session_id"]


async def _asked(asking: Person, operation: Any, id_: str) -> tuple[int, str]:
    """What somebody is told of an object, without what is different each time."""
    path = re.sub(r"\{\w+\}", id_, operation.path).removeprefix("/accounts")
    options: dict[str, Any] = {"headers": {"Accept": "text/html"}} if operation.page else {}
    body = dict(RECORD) if operation.verb == "PUT" else None
    if operation.page and operation.verb == "POST":
        options["data"] = {"kind": "x", "taken": "2026-01-01T00:00"} if "change" in path else {"csrf_token": "x"}
    answer = await asking.ask(operation.verb, path, body, **options)
    return answer.status, re.sub(r"[0-9a-f]{32}", "", str(answer.body))


async def test_ids_are_random(server: Served) -> None:
    """128 bits each."""
    ann = await person(server)
    ids = {(await ann.add())["id"] for _ in range(50)}
    assert len(ids) == 50
    assert all(re.fullmatch(r"[0-9a-f]{32}", id_) for id_ in ids)
    assert len({bit for id_ in ids for bit in range(128) if int(id_, 16) >> bit & 1}) == 128


FOREIGN = ("role", "isAdmin", "_id", "id", "owner", "createdAt", "added", "changed", "sealed", "__proto__", "$set")
ROUTES = {
    "/signup/": {"email": "ann@example.com", "password": PASSWORD},
    "/signin/": {"email": "ann@example.com", "password": PASSWORD},
    "/password/": {"current": PASSWORD, "new": "a long walk along the sea"},
    "/delete/": {"password": PASSWORD},
    "/user/add/": dict(RECORD),
}


@pytest.mark.parametrize("path", ROUTES)
async def test_no_field_is_taken_that_is_not_of_the_model(server: Served, path: str) -> None:
    """Every name of every model, and some that other programs have: refused, as JSON and as a form, and not kept."""
    ann = await person(server)
    body: Mapping[str, Any] = ROUTES[path]
    names = {*FOREIGN, *(name for model in _models() for name in model.model_fields)} - body.keys()
    assert len(names) > 20
    forms = names - {"value", "unit", "note", "latitude", "longitude", "extra", "next"}
    for name in names - {"position", "extra", *MedicalRecord.model_fields}:
        answer = await ann.ask("POST", path, {**body, name: "x"})
        assert (answer.status, answer.code) == (422, "invalid_input"), name
    for name in forms - {"csrf_token"}:
        typed = {key: value for key, value in body.items() if isinstance(value, str)}
        assert (await ann.ask("POST", path, data={**typed, name: "x"})).status == 422, name
    assert await ann.records() == []
    assert (await Person(server).try_sign_in()).status == 200


def _models() -> set[type[BaseModel]]:
    """All that any operation takes or gives."""
    found: set[type[BaseModel]] = set()
    left: list[Any] = [hint for name in dir(Accounts) for hint in _hints(getattr(Accounts, name))]
    while left:
        hint = left.pop()
        left += getattr(hint, "__args__", ())
        if isinstance(hint, type) and issubclass(hint, BaseModel) and hint not in found:
            found.add(hint)
            left += [field.annotation for field in hint.model_fields.values()]
    return found


def _hints(method: Any) -> list[Any]:
    return list(get_type_hints(method).values()) if hasattr(method, "__pi_operation__") else []


ANSWERS = {
    "kind", "taken", "value", "unit", "note", "position", "extra", "id", "added", "changed", "records", "next", "data",
    "correlationId", "Token", "message", "sessions", "opened", "expires", "source", "this",
}  # fmt: skip


async def test_answers_hold_what_they_may(server: Served) -> None:
    """No hash, no owner, no address of e-mail, no sealed text."""
    ann = await person(server)
    added = await ann.add()
    answers = [await ann.ask("GET", path) for path in ("/records/", f"/records/{added['id']}", "/sessions/")] + [
        await ann.ask("PUT", f"/records/{added['id']}", dict(RECORD)),
        await ann.try_sign_in(),
    ]
    for answer in answers:
        assert _names({**answer.body, "data": _bare(answer.data)}) <= ANSWERS
        text = json.dumps(answer.body)
        assert "argon2" not in text
        assert "ann@" not in text
        assert "owner" not in text


def _bare(data: object) -> object:
    """Without what was sent by the owner in a shape of its own."""
    if isinstance(data, dict):
        inside = cast("dict[str, object]", data).items()
        return {name: None if name in ("position", "extra") else _bare(value) for name, value in inside}
    return [_bare(one) for one in cast("list[object]", data)] if isinstance(data, list) else data


def _names(body: object) -> set[str]:
    if isinstance(body, dict):
        inside = cast("dict[str, object]", body)
        return set(inside).union(*(_names(value) for value in inside.values()))
    return set[str]().union(*map(_names, cast("list[object]", body))) if isinstance(body, list) else set()


JSON = {"content-type": "application/json"}
HOSTILE = ['{"$gt": ""}', "a[$ne]=1", "$where", "x.y", "$document.a", "/.*/", "';return 1;'"]
OBJECTS_SENT: list[Any] = [{"$gt": ""}, {"$ne": None}, {"$where": "1"}, ["x"], {"a.b": 1}, None, True, 1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_no_operator_reaches_the_driver(
    mongo_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects, names with dots and dollars, and NUL are refused; texts are texts, in all that MongoDB is asked."""
    heard = Heard()
    listened = partial(AsyncMongoClient[dict[str, Any]], event_listeners=[heard])
    monkeypatch.setattr("pi_server.stores.mongo.AsyncMongoClient", listened)
    async with serving(tmp_path / "server", stores={"documents": mongo_database}) as server:
        ann = await person(server)
        for value in OBJECTS_SENT:
            assert (await ann.ask("POST", "/signin/", {"email": value, "password": PASSWORD})).status == 422
            assert (await ann.ask("POST", "/signin/", {"email": "a@b.cc", "password": value})).status == 422
            assert (await ann.ask("POST", "/user/add/", {**RECORD, "kind": value})).status == 422
        for text in HOSTILE:
            assert (await ann.ask("POST", "/signin/", {"email": text, "password": text})).status == 400
            assert (await ann.ask("GET", "/records/", params={"after": text})).status == 400
            assert (await ann.ask("GET", "/records/" + text.replace("/", "%2F"))).status == 404
            assert (await ann.ask("GET", "/records/", params={text: "1"})).status == 422
            added = await ann.add(note=text, kind=text)
            assert (await ann.ask("GET", f"/records/{added['id']}")).data["note"] == text
        for extra in ({"$where": 1}, {"a.b": 1}, {"a": {"$gt": ""}}, {"a\0": 1}, {"a": "\0"}):
            assert (await ann.ask("POST", "/user/add/", {**RECORD, "extra": extra})).status == 422
        assert (await ann.ask("POST", "/user/add/", {**RECORD, "note": "a\0b"})).status == 422
        large = await ann.ask("POST", "/user/add/", data=BytesIO(b"x" * (16 << 20)), headers=JSON)
        assert large.status == 413
    assert len(heard.filters) > 20
    assert set[str]().union(*map(operators, heard.filters)) <= WORDS | {"$type"}
