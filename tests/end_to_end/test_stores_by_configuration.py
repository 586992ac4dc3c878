"""One plugin, one configuration, one list of requests: only the two lines that name the stores differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymongo
import pytest

from tests.end_to_end.notes import (
    Asker,
    browser,
    http_session,
    install_notes,
    program,
    serving_notes,
    settled,
    sign_in_of,
)
from tests.parts.mongo import mongo_database, mongod
from tests.parts.redis import RedisCluster, redis_cluster, redis_port, redis_url, shared_redis_cluster, tell

__all__ = ["mongo_database", "mongod", "redis_cluster", "redis_port", "redis_url", "shared_redis_cluster"]

KEPT = {"id": "...", "written": "..."}
ANSWERS: list[tuple[int, Any]] = [
    (204, None),
    (409, "name_taken"),
    (401, "wrong_sign_in"),
    (401, "wrong_sign_in"),
    (201, {**KEPT, "text": "one"}),
    (201, {**KEPT, "text": "two"}),
    (201, {**KEPT, "text": "three"}),
    (422, "invalid_input"),
    (200, {"notes": [{**KEPT, "text": "three"}, {**KEPT, "text": "two"}], "next": "..."}),
    (200, {"notes": [{**KEPT, "text": "one"}], "next": None}),
    (400, "invalid_cursor"),
    (200, {"notes": [], "next": None}),
    (404, "not_found"),
    (404, "not_found"),
    (204, None),
    (200, {"notes": [{**KEPT, "text": "three"}, {**KEPT, "text": "one"}], "next": None}),
]
"""What is answered, whatever keeps it."""


@pytest.fixture(params=["sqlite, sqlite", "mongodb, redis", "mongodb, redis cluster"])
def stores(request: pytest.FixtureRequest) -> dict[str, str]:
    """What the two lines say; each database a real one, and empty."""
    documents, keys = request.param.split(", ")
    where = {"mongodb": "mongo_database", "redis": "redis_url", "redis cluster": "redis_cluster"}
    found: list[Any] = [request.getfixturevalue(where[kind]) if kind in where else kind for kind in (documents, keys)]
    addresses = [one.nodes if isinstance(one, RedisCluster) else str(one) for one in found]
    return {"documents": addresses[0], "keys": addresses[1]}


async def test_the_same_requests_are_answered_in_the_same_way(tmp_path: Path, stores: dict[str, str]) -> None:
    """On each pair of stores; a session, a token and the notes outlive the server; each store holds its part."""
    site = install_notes(tmp_path / "site")
    lines = f'stores:\n  documents: "{stores["documents"]}"\n  keys: "{stores["keys"]}"\n'
    async with http_session() as http:
        with serving_notes(tmp_path / "here", site, lines) as server:
            nobody = Asker(http, server.address)
            assert await nobody.ask("POST", "/sign-up", sign_in_of("bob")) == (204, None)
            answers = [await nobody.ask("POST", "/sign-up", sign_in_of("ann")) for _ in range(2)]
            answers += await _wrong_sign_ins(nobody)
            ann, bob = await browser(http, server, "ann"), await program(http, server, "bob")
            gone = await browser(http, server, "bob")
            answers += await _notes(ann, bob)
            assert [(status, settled(answer)) for status, answer in answers] == ANSWERS
            copied = gone.at(server)
            assert await gone.ask("POST", "/sign-out") == (204, None)
        with serving_notes(tmp_path / "here", site, lines) as server:
            status, answer = await ann.at(server).ask("GET")
            assert (status, settled(answer)) == ANSWERS[-1]
            assert await bob.at(server).known()
            assert not await copied.at(server).known()
    _look_into(stores, tmp_path / "here" / "var")


async def _wrong_sign_ins(nobody: Asker) -> list[tuple[int, Any]]:
    wrong = {**sign_in_of("ann"), "password": "not the password"}
    return [await nobody.ask("POST", "/sign-in", wrong), await nobody.ask("POST", "/token", sign_in_of("carl"))]


async def _notes(ann: Asker, bob: Asker) -> list[tuple[int, Any]]:
    written = [await ann.ask("POST", "", {"text": text}) for text in ("one", "two", "three")]
    too_long = await ann.ask("POST", "", {"text": "x" * 2001})
    first = await ann.ask("GET", "?limit=2")
    second = await ann.ask("GET", f"?limit=2&after={first[1]['next']}")
    place = f"/{written[1][1]['id']}"
    return [
        *written,
        too_long,
        first,
        second,
        await ann.ask("GET", "?after=somewhere"),
        await bob.ask("GET"),
        await bob.ask("DELETE", place),
        await ann.ask("DELETE", "/0123"),
        await ann.ask("DELETE", place),
        await ann.ask("GET"),
    ]


def _look_into(stores: dict[str, str], data: Path) -> None:
    """Each store holds what is its own; the embedded ones are not even there where they are not used."""
    embedded = {path.name for path in data.glob("*") if path.suffix in (".db", ".sqlite", ".sqlite3")}
    if stores["documents"].startswith("mongodb"):
        with pymongo.MongoClient[dict[str, Any]](stores["documents"]) as client:
            found = client.get_default_database()
            assert {"notes.people", "notes.notes"} <= set(found.list_collection_names())
            assert found["notes.people"].count_documents({}) == 2
            assert found["notes.people"].index_information()
        ports = [int(node.rpartition(":")[2].partition("/")[0]) for node in stores["keys"].split(",")]
        assert sum(tell(port, "DBSIZE") for port in ports) >= 2
        assert not embedded
    else:
        assert embedded
