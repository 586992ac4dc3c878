"""Stores for a test."""

import pytest
from pydantic import BaseModel

from pi_server.data import DuplicateKey, Index, Stale, where
from pi_server.testing import memory_collection, memory_keys, memory_store


class Book(BaseModel):
    """What is kept."""

    title: str
    shelf: int = 0


async def test_a_collection_keeps_models() -> None:
    """Inserted, found, replaced once, deleted; two collections are strangers."""
    books, others = memory_collection(Book), memory_collection(Book)
    first = await books.insert(Book(title="one"))
    assert await others.count() == 0
    assert await books.first(where("title").eq("one")) == first
    await books.replace(first, Book(title="one", shelf=3))
    with pytest.raises(Stale):
        await books.replace(first, Book(title="two"))
    assert await books.delete_where(where("shelf").gte(3)) == 1


async def test_a_unique_index_is_kept() -> None:
    """As it is in every other store; without the index a title may come twice."""
    books = memory_collection(Book, Index("title", unique=True))
    await books.insert(Book(title="one"))
    with pytest.raises(DuplicateKey):
        await books.insert(Book(title="one"))
    free = memory_collection(Book)
    await free.insert(Book(title="one"))
    await free.insert(Book(title="one"))


async def test_stores_begin_empty() -> None:
    """A counter begins at 0 in each, and nothing is there."""
    for store, keys in ((memory_store(), memory_keys()), (memory_store(), memory_keys())):
        assert await store.increment("orders") == 1
        assert await keys.get("a") is None
        await keys.put("a", b"1")
