"""The contract of document stores: the same tests ask every keeper, each of them real."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, cast

import pytest

from pi_server.domain.faults import NotFound, Stale, StoreUnavailable, Unstorable
from pi_server.domain.filters import EVERYTHING, where
from pi_server.domain.stores import Documents, Store
from tests.parts.document_stores import Insert, ids_of

NOON = datetime(2026, 1, 2, 12, 0, 0, 123000, tzinfo=UTC)
RICH: dict[str, Any] = {
    "text": 'سلام \U0001f600 \u2028 "quoted" back\\slash\n\x01',
    "whole": 2**63 - 1,
    "least": -(2**63),
    "small": 1,
    "float": 0.1,
    "one": 1.0,
    "yes": True,
    "nothing": None,
    "when": NOON,
    "list": [1, [2, {"when": NOON, "deep": [None]}], {}],
    "object": {"a": {"b": []}, "": "an empty name"},
}


class Color(StrEnum):
    """A text that is more than a text."""

    RED = "red"


# --- documents ------------------------------------------------------------------------------------------------------


async def test_a_document_comes_back_as_it_was_kept(documents: Documents) -> None:
    """Every kind of value keeps its value and its type; the first version is 1."""
    stored = await documents.insert(RICH)
    read = await documents.get(stored.id)
    assert read == stored
    assert read.document == RICH
    assert read.version == 1
    assert [type(read.document[name]) for name in RICH] == [type(value) for value in RICH.values()]
    assert list(read.document) == list(RICH)


async def test_ids_are_random(documents: Documents) -> None:
    """No two are equal, and each has 128 bits."""
    ids = {(await documents.insert({})).id for _ in range(5)}
    assert len(ids) == 5
    assert {len(bytes.fromhex(one)) for one in ids} == {16}


async def test_times_are_utc_milliseconds(documents: Documents) -> None:
    """Another zone's time is the same moment in UTC, cut to the millisecond."""
    stored = await documents.insert({"t": datetime(2026, 1, 2, 15, 30, 0, 123999, timezone(timedelta(hours=3.5)))})
    assert (await documents.get(stored.id)).document["t"] == stored.document["t"] == NOON
    assert stored.document["t"].utcoffset() == timedelta(0)


async def test_what_was_given_or_got_is_not_shared(documents: Documents) -> None:
    """Changing a document after it was kept, or as it was read, changes nothing in the store."""
    given: dict[str, Any] = {"list": [1], "color": Color.RED}
    stored = await documents.insert(given)
    given["list"].append(2)
    stored.document["list"].append(3)
    (await documents.get(stored.id)).document["list"].append(4)
    read = (await documents.get(stored.id)).document
    assert read == {"list": [1], "color": "red"}
    assert type(read["color"]) is str


def _nested(depth: int) -> dict[str, Any]:
    return {"in": _nested(depth - 1)} if depth > 1 else {}


@pytest.mark.parametrize(
    "document",
    [
        {"a.b": 1},
        {"$where": "1"},
        {"in": [{"$gt": ""}]},
        {"nul\0": 1},
        {"half\ud800": 1},
        {1: "a number as a name"},
        {"text": "half a character \udfff"},
        {"text": "a \0"},
        {"whole": 2**63},
        {"whole": -(2**63) - 1},
        {"float": float("nan")},
        {"float": float("-inf")},
        {"naive": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is the point
        {"early": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
        {"bytes": b""},
        {"set": {1}},
        {"deep": _nested(32)},
        {"large": "x" * (1 << 20)},
        {"large": ["é" * 600_000]},
    ],
    ids=lambda document: "/".join(map(ascii, document)),
)
async def test_what_no_store_could_keep_is_refused(documents: Documents, document: dict[str, Any]) -> None:
    """Names and values that some store could not keep are the same fault everywhere, on both ways in."""
    stored = await documents.insert({"first": 1})
    with pytest.raises(Unstorable):
        await documents.insert(document)
    with pytest.raises(Unstorable):
        await documents.replace(stored.id, document, version=1)
    assert await documents.count() == 1


async def test_the_fault_says_where(documents: Documents) -> None:
    """A path leads to what cannot be kept."""
    with pytest.raises(Unstorable) as refused:
        await documents.insert({"orders": [{"amount": 1}, {"amount": float("inf")}]})
    assert [detail.path for detail in refused.value.details] == ["orders.1.amount"]


async def test_the_largest_and_the_deepest_are_kept(documents: Documents) -> None:
    """One MiB as JSON and 32 levels are allowed."""
    for document in ({"x": "é" * ((1 << 19) - 4)}, _nested(32), {"x": [0] * 500_000}):
        stored = await documents.insert(document)
        assert (await documents.get(stored.id)).document == document


@pytest.mark.parametrize("given", ["", "a\0b", "\ud800", "x" * 513])
async def test_ids_nobody_could_ask_for_are_refused(documents: Documents, given: str) -> None:
    """As a new id they cannot be stored, and asked for they are not found."""
    with pytest.raises(Unstorable):
        await documents.insert({}, id=given)
    for ask in (documents.get(given), documents.delete(given), documents.replace(given, {}, version=1)):
        with pytest.raises(NotFound):
            await ask


@pytest.mark.parametrize("name", ["", "a b", "system.users", "pi_server.schema", "a..b", "$a", 'a"b', "é", "x" * 101])
def test_names_of_collections_are_plain(document_store: Store, name: str) -> None:
    """What some store gives a meaning of its own is no name."""
    with pytest.raises(ValueError, match="no name of a collection"):
        document_store.documents(name)


async def test_collections_are_apart(document_store: Store) -> None:
    """Also where their names differ in the case of a letter only."""
    first, second = document_store.documents("shop.notes"), document_store.documents("shop.Notes")
    await first.insert({}, id="1")
    await second.insert({}, id="1")
    await first.delete("1")
    assert (await second.get("1")).version == 1


# --- versions -------------------------------------------------------------------------------------------------------


async def test_replacing_counts_versions(documents: Documents) -> None:
    """The new document stands alone in the place of the old one."""
    stored = await documents.insert({"a": 1, "b": 2})
    second = await documents.replace(stored.id, {"a": 3}, version=1)
    assert second.version == 2
    assert await documents.get(stored.id) == second
    assert second.document == {"a": 3}


@pytest.mark.parametrize("version", [2, 0, -1, 2**63 - 1, 10**30])
async def test_a_version_that_is_not_the_documents_is_stale(documents: Documents, version: int) -> None:
    """Neither replaced nor deleted."""
    stored = await documents.insert({"a": 1})
    with pytest.raises(Stale):
        await documents.replace(stored.id, {}, version=version)
    with pytest.raises(Stale):
        await documents.delete(stored.id, version=version)
    assert await documents.get(stored.id) == stored


async def test_what_is_not_there_is_not_found(documents: Documents) -> None:
    """No matter what is asked of it."""
    for ask in (
        documents.get("x"),
        documents.replace("x", {}, version=1),
        documents.delete("x"),
        documents.delete("x", version=1),
    ):
        with pytest.raises(NotFound):
            await ask


async def test_deleting_forgets(documents: Documents) -> None:
    """With the right version or with none."""
    for version in (None, 1):
        stored = await documents.insert({})
        await documents.delete(stored.id, version=version)
        with pytest.raises(NotFound):
            await documents.get(stored.id)


async def test_deleting_by_filter_counts(documents: Documents, insert: Insert) -> None:
    """Only what is found goes."""
    kept = await insert(owner="b")
    for _ in range(3):
        await insert(owner="a")
    assert await documents.delete_where(where("owner").eq("a")) == 3
    assert await ids_of(documents, EVERYTHING) == {kept}
    assert await documents.delete_where(EVERYTHING) == 1


async def test_of_parallel_replacements_one_wins(documents: Documents) -> None:
    """The others hear that they are late."""
    stored = await documents.insert({})
    done = await asyncio.gather(
        *(documents.replace(stored.id, {"by": n}, version=1) for n in range(20)), return_exceptions=True
    )
    won = [one for one in done if not isinstance(one, BaseException)]
    assert [one.version for one in won] == [2]
    assert sum(isinstance(one, Stale) for one in done) == 19
    assert (await documents.get(stored.id)).document == won[0].document


async def test_counters_give_nobody_the_same_number(document_store: Store) -> None:
    """A hundred at once are given 1 to 100; another counter begins at its own beginning."""
    given = await asyncio.gather(*(document_store.increment("orders") for _ in range(100)))
    assert sorted(given) == list(range(1, 101))
    assert await document_store.increment("others", 5) == 5
    assert await document_store.increment("others", -7) == -2
    with pytest.raises(ValueError, match="2\\^31"):
        await document_store.increment("others", 2**62)


# --- the store ------------------------------------------------------------------------------------------------------


async def test_a_cancelled_change_leaves_the_store_usable(documents: Documents) -> None:
    """It happened or it did not; the next one is not in its way."""
    for _ in range(20):
        task = asyncio.ensure_future(documents.insert({"v": 1}))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await documents.insert({"v": 2})
    assert await documents.count(where("v").eq(2)) == 1


async def test_a_closed_store_says_so(document_store: Store) -> None:
    """Closing twice does no harm; memory has nothing to close."""
    await document_store.ping()
    await document_store.close()
    await document_store.close()
    if type(document_store).__name__ != "MemoryStore":
        for ask in (document_store.ping(), document_store.documents("a").get("x"), document_store.increment("n")):
            with pytest.raises(StoreUnavailable):
                await cast("Any", ask)
