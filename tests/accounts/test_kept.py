"""What is kept, what can be read of it in files and logs, and what is left when somebody goes."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pi_server.domain.filters import AnyOf, where, with_id
from pi_server.stores.open_documents import open_documents
from pi_server.testing import Served
from tests.accounts.scene import PASSWORD, RECORD, Person, person, serving
from tests.parts.waiting import until

OLD, NEW = "kX3-old-ring-secret-of-32-bytes-or-more", "kX3-new-ring-secret-of-32-bytes-or-more"
SECRETS = ("a secret of one's own", "blood pressure", "118/76", "mmHg", "pulse", "48.86")


def written_below(folder: Path) -> bytes:
    """Every byte in every file."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def test_no_file_holds_what_only_its_owner_may_read(tmp_path: Path) -> None:
    """Neither the store nor any log: not the values, not the names of further fields, not the password."""
    async with serving(tmp_path / "server") as server:
        ann = await person(server)
        added = await ann.add()
        await ann.ask("PUT", f"/records/{added['id']}", dict(RECORD))
        browser = await ann.browse()
        typed = {"kind": RECORD["kind"], "taken": "2026-01-01T00:00", "note": RECORD["note"]}
        assert (await browser.ask("POST", "/user/add/", data=typed, allow_redirects=False)).status == 303
        assert (await browser.ask("POST", "/user/add/", data={**typed, "latitude": "x"})).status == 422
        assert len(await ann.records()) == 2
        token = ann.token
    everything = written_below(tmp_path / "server")
    assert added["id"].encode() in everything
    for secret in (*SECRETS, PASSWORD, token):
        assert secret.encode() not in everything, secret
    for log in (tmp_path / "server").rglob("*.log"):
        assert b"ann@example.com" not in log.read_bytes(), log


async def test_secrets_of_the_key_ring_are_exchanged_without_losing_a_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A new one in front: everything is sealed anew, the log says so, and the old one can go."""
    folder = tmp_path / "server"
    async with serving(folder, keyring=[OLD]) as server:
        added = [await (await person(server)).add() for _ in range(1)]
    caplog.clear()
    async with serving(folder, keyring=[NEW, OLD]) as server:
        await until(lambda: "1 of them since this start" in caplog.text, "the end of it")
    async with serving(folder, keyring=[NEW]) as server:
        assert await (await Person(server).sign_in()).records() == added
    async with serving(folder, keyring=[OLD]) as server:
        unreadable = await (await Person(server).sign_in()).ask("GET", "/records/")
        assert (unreadable.status, unreadable.code) == (500, "InternalServerErrorId")


async def test_access_is_on_record(server: Served) -> None:
    """Who, from where, what, whose, which; of somebody else's record, nothing was accessed."""
    ann, bob = await person(server), await person(server, "bob")
    id_ = (await ann.add())["id"]
    await ann.records()
    await ann.ask("GET", f"/records/{id_}")
    await bob.ask("GET", f"/records/{id_}")
    await ann.ask("DELETE", f"/records/{id_}")
    lines: list[dict[str, Any]] = [json.loads(line) for line in (server.logs / "audit.log").read_text().splitlines()]
    told = [(line["action"], line["operation"], line["records"]) for line in lines]
    assert told == [
        ("add", "accounts.add_record", [id_]),
        ("list", "accounts.list_records", [id_]),
        ("read", "accounts.read_record", [id_]),
        ("delete", "accounts.delete_record", [id_]),
    ]
    assert {(line["who"] == line["whose"], line["kind"], line["sourceIP"]) for line in lines} == {
        (True, "jwt", "127.0.0.1")
    }
    assert lines[0]["fields"] == ["kind", "taken", "value", "unit", "note", "position", "extra"]


@pytest.mark.parametrize("where_", ["sqlite", "mongodb"])
async def test_nothing_is_left_of_somebody_who_goes(
    request: pytest.FixtureRequest, tmp_path: Path, where_: str
) -> None:
    """No account, session or record in any collection, though others were added at the same moment; others' stay."""
    documents = str(request.getfixturevalue("mongo_database")) if where_ == "mongodb" else where_
    async with serving(tmp_path / "server", stores={"documents": documents}) as server:
        ann, bob = await person(server), await person(server, "bob")
        browser = await ann.browse()
        await asyncio.gather(*(one.add() for one in (ann, ann, bob, browser)))
        id_ = await _id_of(server)
        added = Counter[int]()
        adding = [asyncio.create_task(_add_until_refused(ann, added, number)) for number in range(4)]
        await until(lambda: len(added) == len(adding), "a record of each")
        gone = await browser.ask("POST", "/delete/", {"password": PASSWORD})
        assert gone.status == 204
        await asyncio.gather(*adding)
        for left in (ann, browser):
            assert (await left.ask("GET", "/records/")).status == 401
        store = await open_documents(documents, tmp_path / "server" / "var", 5)
        mine = AnyOf((with_id(id_), where("owner").eq(id_), where("account").eq(id_)))
        for name in ("accounts", "signed_in", "kept"):
            assert await store.documents(f"accounts.{name}").count(mine) == 0, name
        assert await store.documents("accounts.accounts").count(where("email").eq("ann@example.com")) == 0
        await store.close()
        assert len(await bob.records()) == 1


async def _add_until_refused(person: Person, added: Counter[int], number: int) -> None:
    """Count those that were added before that."""
    while (answer := await person.ask("POST", "/user/add/", dict(RECORD))).status == 201:
        added[number] += 1
    assert answer.status in (401, 404)


async def _id_of(server: Served) -> str:
    """Ann's id, as the audit tells it first."""
    return str(json.loads((server.logs / "audit.log").read_text().splitlines()[0])["who"])


async def test_the_answer_of_a_browser_is_not_kept_by_it(server: Served) -> None:
    """What is somebody's own is asked for anew each time, as JSON and as a page."""
    browser = await (await person(server)).browse()
    await browser.add()
    for accept in ("application/json", "text/html"):
        for path in ("/records/", "/sessions/"):
            answer = await browser.ask("GET", path, headers={"Accept": accept})
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")


async def test_one_way_to_be_signed_in_takes_the_place_of_the_other(server: Served) -> None:
    """Asking for a token ends the session of the browser; signing in on the page takes the token's cookie away."""
    ann = await person(server)
    browser = await ann.browse()
    answer = await browser.ask("POST", "/signin/", {"email": ann.email, "password": PASSWORD})
    assert [line.split(";")[0] for line in answer.headers.getall("Set-Cookie") if "Max-Age=0" in line]
    assert (await browser.ask("GET", "/records/")).status == 401
    with_token = Person(server, ann.email, headers={"Cookie": f"token={answer.data['Token']}"})
    form = {"email": ann.email, "password": PASSWORD}
    entered = await with_token.ask("POST", "/signin/", data=form, allow_redirects=False)
    assert [line for line in entered.headers.getall("Set-Cookie") if line.startswith("token=; Max-Age=0")]
