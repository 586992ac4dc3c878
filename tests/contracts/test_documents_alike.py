"""Whatever is kept and asked, the real keepers answer as the one in memory does."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi_server.domain.faults import DuplicateKey
from pi_server.domain.filters import EVERYTHING, AllOf, AnyOf, Compare, Exists, Filter, OneOf, Prefix
from pi_server.domain.stores import Documents, Index, Order, Store
from pi_server.stores.memory import MemoryStore
from pi_server.stores.open_documents import open_documents

QUICK = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
times = st.integers(-(10**13), 10**13).map(lambda ms: _EPOCH + timedelta(milliseconds=ms))
few = st.sampled_from([None, True, False, 0, 1, 1.0, 0.5, -1, "", "a", "ab", "b", "é", "\U0001f600", _EPOCH])
any_scalar = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(_letters, max_size=4),
    times,
)
scalars = st.one_of(few, few, any_scalar)  # often equal, sometimes strange
names = st.sampled_from(["a", "b"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=2)),
    max_leaves=4,
)
kept = st.lists(st.dictionaries(names, values, max_size=2), max_size=8)

fields = st.sampled_from(["a", "b", "a.a", "a.b", "b.a"])
conditions: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Compare, fields, st.sampled_from(["eq", "ne", "lt", "lte", "gt", "gte"]), scalars),
    st.builds(OneOf, fields, st.lists(scalars, max_size=3).map(tuple)),
    st.builds(Exists, fields, st.booleans()),
    st.builds(Prefix, fields, st.text(_letters, max_size=2)),
)
filters = st.recursive(
    conditions,
    lambda inner: (
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple))
        | st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=4,
)
orders = st.builds(Order, st.one_of(st.none(), fields), st.booleans())


@pytest.fixture(params=["sqlite", "mongodb"])
async def real(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store that is not in memory."""
    where = str(request.getfixturevalue("mongo_database")) if request.param == "mongodb" else "sqlite"
    store = await open_documents(where, tmp_path, 10)
    yield store
    await store.close()


async def _filled(store: Store, contents: list[dict[str, Any]]) -> Documents:
    documents = store.documents("notes")
    await documents.delete_where(EVERYTHING)
    for number, document in enumerate(contents):
        await documents.insert(document, id=f"id{number}")
    return documents


async def _all_pages(documents: Documents, asked: Filter, order: Order) -> list[tuple[str, int, str]]:
    """As text, for 1, 1.0 and True are equal to Python."""
    found = await documents.find(asked, order=order, limit=3)
    items = list(found.items)
    while found.next:
        found = await documents.find(asked, order=order, limit=3, after=found.next)
        items += found.items
    return [(stored.id, stored.version, repr(stored.document)) for stored in items]


@QUICK
@given(contents=kept, asked=st.lists(filters, min_size=1, max_size=4), order=orders)
async def test_the_same_is_found_in_the_same_order(
    real: Store, contents: list[dict[str, Any]], asked: list[Filter], order: Order
) -> None:
    """Random documents, filters and orders, page by page; then what is deleted, and what is left."""
    ours, theirs = await _filled(real, contents), await _filled(MemoryStore(), contents)
    for one in (EVERYTHING, *asked):
        assert await _all_pages(ours, one, order) == await _all_pages(theirs, one, order)
        assert await ours.count(one) == await theirs.count(one)
    assert await ours.delete_where(asked[0]) == await theirs.delete_where(asked[0])
    assert await _all_pages(ours, EVERYTHING, order) == await _all_pages(theirs, EVERYTHING, order)


@QUICK
@given(contents=st.lists(st.dictionaries(names, values, max_size=2), min_size=2, max_size=8))
async def test_the_same_values_are_taken(real: Store, contents: list[dict[str, Any]]) -> None:
    """Under a unique index the same documents are let in and the same ones refused."""
    indexes = (Index("a", unique=True), Index("b", "a.a", unique=True))
    outcomes: list[list[str]] = []
    for store in (real, MemoryStore()):
        documents = await _filled(store, [])
        await documents.ensure_indexes(*indexes)
        outcomes.append([await _outcome(documents, document) for document in contents])
    assert outcomes[0] == outcomes[1]


async def _outcome(documents: Documents, document: dict[str, Any]) -> str:
    try:
        await documents.insert(document)
    except DuplicateKey:
        return "taken"
    return "kept"
