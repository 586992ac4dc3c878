"""Every keeper of documents, opened as the server opens it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from pi_server.domain.filters import Filter
from pi_server.domain.stores import Documents, Store
from pi_server.stores.open_documents import open_documents


@pytest.fixture(params=["sqlite", "memory", "mongodb"])
async def document_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    where = str(request.param)
    if where == "mongodb":
        where = str(request.getfixturevalue("mongo_database"))
    store = await open_documents(where, tmp_path, 10)
    yield store
    await store.close()


@pytest.fixture
def documents(document_store: Store) -> Documents:
    """An empty collection in it."""
    return document_store.documents("notes")


class Insert(Protocol):
    """How a test puts a document into the store."""

    async def __call__(self, **fields: Any) -> str:
        """The id of a new document with these fields."""
        ...


@pytest.fixture
def insert(documents: Documents) -> Insert:
    """Insert a document with these fields; its id."""

    async def insert(**fields: Any) -> str:
        return (await documents.insert(fields)).id

    return insert


async def ids_of(documents: Documents, asked: Filter) -> set[str]:
    """What the filter finds, and counts."""
    found = await documents.find(asked, limit=1000)
    assert await documents.count(asked) == len(found.items)
    return {stored.id for stored in found.items}
