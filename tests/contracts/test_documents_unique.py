"""The contract of document stores, continued: what is unique, and what ends."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pi_server.domain.faults import DuplicateKey, NotFound
from pi_server.domain.filters import EVERYTHING, where
from pi_server.domain.stores import Documents, Index
from tests.parts.document_stores import Insert, ids_of
from tests.parts.waiting import until

NOON = datetime(2026, 1, 2, 12, 0, 0, 123000, tzinfo=UTC)


async def test_an_id_is_taken_once(documents: Documents) -> None:
    """The fault names it."""
    await documents.insert({"a": 1}, id="x")
    with pytest.raises(DuplicateKey) as taken:
        await documents.insert({"a": 2}, id="x")
    assert taken.value.fields == ("id",)
    assert (await documents.get("x")).document == {"a": 1}


async def test_a_unique_value_is_taken_once(documents: Documents, insert: Insert) -> None:
    """Neither inserted nor replaced; equal numbers are equal however written, other kinds are others."""
    await documents.ensure_indexes(Index("mail.box", unique=True), Index("a", "b", unique=True), Index("mail.box"))
    await documents.ensure_indexes(Index("mail.box", unique=True))  # a second time is nothing new
    await insert(mail={"box": 1})
    other = await documents.insert({"mail": {"box": "1"}, "a": 1, "b": NOON})
    for fields in ({"mail": {"box": 1.0}, "a": 5}, {"mail": {"box": "1"}}):
        with pytest.raises(DuplicateKey) as taken:
            await insert(**fields)
        assert taken.value.fields == ("mail.box",)
    with pytest.raises(DuplicateKey):
        await documents.replace(other.id, {"mail": {"box": 1}}, version=1)
    with pytest.raises(DuplicateKey) as taken:
        await insert(a=1, b=NOON)
    assert taken.value.fields == ("a", "b")
    await insert(a=1, b=NOON + timedelta(milliseconds=1))
    await insert(mail={"box": True})
    await documents.replace(other.id, {"mail": {"box": "1"}}, version=1)  # it is not in its own way


@pytest.mark.parametrize("value", [None, [], [1], {"x": 1}, ["a", "b"]])
async def test_missing_values_lists_and_objects_are_in_nobodys_way(
    documents: Documents, insert: Insert, value: Any
) -> None:
    """A unique index holds plain values only; two lists beside each other are no trouble either."""
    await documents.ensure_indexes(Index("a", unique=True), Index("a", "b", unique=True), Index("a", "b"))
    for _ in range(2):
        await insert(a=value, b=value)
        await insert(b=1)
    assert await documents.count() == 4


async def test_of_parallel_inserts_of_one_value_one_wins(documents: Documents, insert: Insert) -> None:
    """Fifty at once."""
    await documents.ensure_indexes(Index("email", unique=True))
    done = await asyncio.gather(*(insert(email="a@b.example", n=n) for n in range(50)), return_exceptions=True)
    assert sum(isinstance(one, str) for one in done) == 1
    assert sum(isinstance(one, DuplicateKey) for one in done) == 49
    assert await documents.count() == 1


async def test_a_unique_index_over_equal_values_is_refused(documents: Documents, insert: Insert) -> None:
    """The fault names its fields."""
    for _ in range(2):
        await insert(name="x")
    with pytest.raises(DuplicateKey) as taken:
        await documents.ensure_indexes(Index("name", unique=True))
    assert taken.value.fields == ("name",)
    await documents.delete_where(EVERYTHING)
    await documents.ensure_indexes(Index("name", unique=True))


@pytest.mark.parametrize("index", [Index(), Index("a b"), Index("$where"), Index("a", "x'y", unique=True)])
async def test_an_index_has_fields(documents: Documents, index: Index) -> None:
    """Plain paths, and at least one."""
    with pytest.raises(ValueError, match=r"at least one field|no path of a field"):
        await documents.ensure_indexes(index)


# --- expiry ---------------------------------------------------------------------------------------------------------


async def test_an_expired_document_is_gone_for_every_method(documents: Documents) -> None:
    """From its moment on, whatever the store still holds."""
    past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
    await documents.insert({"a": 1}, id="alive", expires=future)
    await documents.insert({"a": 1}, id="over", expires=past)
    assert await ids_of(documents, where("a").eq(1)) == {"alive"}
    for ask in (documents.get("over"), documents.delete("over"), documents.replace("over", {}, version=1)):
        with pytest.raises(NotFound):
            await ask
    assert await documents.delete_where(EVERYTHING) == 1


async def test_an_expired_document_is_in_nobodys_way(documents: Documents, insert: Insert) -> None:
    """Its id and its unique values are free, for inserts, replacements and new indexes."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    await documents.insert({"name": "x", "other": 1}, id="1", expires=past)
    await documents.insert({"name": "x", "other": 2}, id="2", expires=past)
    await documents.ensure_indexes(Index("name", unique=True))
    await documents.insert({"name": "y"}, id="1")
    await documents.insert({"name": "z"}, id="3", expires=past)
    assert (await documents.replace("1", {"name": "z"}, version=1)).version == 2
    await documents.insert({"name": "w"}, id="4", expires=past)
    await insert(name="w")


async def test_a_document_ends_at_its_moment_and_a_replacement_by_its_own(documents: Documents) -> None:
    """Also where nobody deletes it."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    await documents.insert({}, id="ends", expires=soon)
    await documents.insert({}, id="stays", expires=soon)
    await documents.insert({}, id="ends too")
    await documents.replace("stays", {}, version=1)
    await documents.replace("ends too", {}, version=1, expires=soon)
    await until(lambda: datetime.now(UTC) > soon)
    assert await ids_of(documents, EVERYTHING) == {"stays"}
