"""The contract of document stores, continued: what can be asked for, and in which order it comes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pi_server.domain.faults import InvalidCursor, Unstorable
from pi_server.domain.filters import AllOf, AnyOf, Compare, Exists, Filter, HasId, OneOf, Prefix, where, with_id
from pi_server.domain.stores import Documents, Found, Index, Order
from tests.parts.document_stores import Insert, ids_of

NOON = datetime(2026, 1, 2, 12, 0, 0, 123000, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1)
VALUES: dict[str, Any] = {
    "missing": ...,
    "null": None,
    "zero": 0,
    "one": 1,
    "one_as_float": 1.0,
    "half": 0.5,
    "big": 2**53 + 1,
    "true": True,
    "false": False,
    "empty": "",
    "a": "a",
    "ab": "ab",
    "one_as_text": "1",
    "noon": NOON,
    "later": LATER,
    "noon_as_text": NOON.isoformat(timespec="milliseconds"),
    "list": [1, "a", None, NOON],
    "no_list": [],
    "object": {"a": 1},
    "no_object": {},
}
NOT_NULL = set(VALUES) - {"missing", "null"}
FIELD = where("v")


FILTERS: list[tuple[Filter, set[str]]] = [
    (FIELD.eq(1), {"one", "one_as_float"}),
    (FIELD.eq(2**53), set[str]()),
    (FIELD.eq(2**53 + 1), {"big"}),
    (FIELD.eq(True), {"true"}),
    (FIELD.eq("a"), {"a"}),
    (FIELD.eq(NOON), {"noon"}),
    (FIELD.eq(None), {"missing", "null"}),
    (FIELD.ne(None), NOT_NULL),
    (FIELD.ne(1), set(VALUES) - {"one", "one_as_float"}),
    (FIELD.ne(False), set(VALUES) - {"false"}),
    (FIELD.exists(), NOT_NULL),
    (FIELD.exists(False), {"missing", "null"}),
    (FIELD.lt(1), {"zero", "half"}),
    (FIELD.lte(1), {"zero", "half", "one", "one_as_float"}),
    (FIELD.gt(0), {"half", "one", "one_as_float", "big"}),
    (FIELD.gte(float(2**53)), {"big"}),
    (FIELD.lt("ab"), {"empty", "a", "one_as_text", "noon_as_text"}),
    (FIELD.gte("a"), {"a", "ab"}),
    (FIELD.gt(""), {"a", "ab", "one_as_text", "noon_as_text"}),
    (FIELD.lt(LATER), {"noon"}),
    (FIELD.lte(LATER), {"noon", "later"}),
    (FIELD.gt(NOON), {"later"}),
    (FIELD.gte(NOON), {"noon", "later"}),
    (FIELD.lte(True), set[str]()),
    (FIELD.gte(False), set[str]()),
    (FIELD.lte(None), set[str]()),
    (FIELD.gte(None), set[str]()),
    (FIELD.prefix("a"), {"a", "ab"}),
    (FIELD.prefix(""), {"empty", "a", "ab", "one_as_text", "noon_as_text"}),
    (FIELD.one_of("a", 1, None), {"a", "one", "one_as_float", "missing", "null"}),
    (FIELD.one_of(True, NOON), {"true", "noon"}),
    (FIELD.one_of(), set[str]()),
    (where("v.a").eq(1), {"object"}),
    (where("v.a").eq(None), set(VALUES) - {"object"}),
    (AllOf(), set(VALUES)),
    (AnyOf(), set[str]()),
    (FIELD.gt(0) & FIELD.lt(1), {"half"}),
    (FIELD.eq(0) | FIELD.eq("a") | (FIELD.eq(1) & FIELD.eq(2)), {"zero", "a"}),
]


async def test_a_filter_means_the_same_everywhere(documents: Documents) -> None:
    """Null is missing, booleans are no numbers, kinds are apart, and lists and objects are equal to nothing."""
    for id_, value in VALUES.items():
        await documents.insert({} if value is ... else {"v": value}, id=id_)
    expected = [ids for _, ids in FILTERS]
    assert [await ids_of(documents, asked) for asked, _ in FILTERS] == expected
    await documents.ensure_indexes(Index("v"))
    assert [await ids_of(documents, asked) for asked, _ in FILTERS] == expected


async def test_a_filter_may_ask_for_the_id(documents: Documents) -> None:
    """Together with whatever else must hold, so that another's document is as good as none."""
    for id_, owner in (("a", "ann"), ("b", "bob")):
        await documents.insert({"owner": owner, "id": "b"}, id=id_)
    mine = where("owner").eq("ann")
    assert await ids_of(documents, with_id("a")) == {"a"}
    assert await ids_of(documents, mine & with_id("a")) == {"a"}
    for other in ("b", "A", "", "\0", "\ud800", "a" * 600, "$ne", "'a'"):
        assert await ids_of(documents, mine & with_id(other)) == set()
    assert await documents.delete_where(mine & with_id("b")) == 0
    assert await documents.delete_where(mine & with_id("a")) == 1
    assert await ids_of(documents, AllOf()) == {"b"}


async def test_a_path_leads_into_objects_only(documents: Documents, insert: Insert) -> None:
    """Not into a list, however alike its items are."""
    found = await insert(a={"b": {"c": 1}})
    await insert(a=[{"b": {"c": 1}}])
    await insert(a={"b": [{"c": 1}]})
    assert await ids_of(documents, where("a.b.c").eq(1)) == {found}


@pytest.mark.parametrize("prefix", ["%", "_", "a.*", "\\", "é", "\ud7ff", "\U0010ffff", "a\U0010ffff", "\U0001f600"])
async def test_no_letter_of_a_prefix_is_special(documents: Documents, insert: Insert, prefix: str) -> None:
    """Letters that are patterns elsewhere, and those at the ends of the alphabet."""
    found = {await insert(v=prefix), await insert(v=prefix + "z"), await insert(v=prefix + "\U0010ffff")}
    for other in ("a", "b", "z", "\ue000", "x" + prefix, "È", prefix.swapcase()):
        if not other.startswith(prefix):
            await insert(v=other)
    assert await ids_of(documents, where("v").prefix(prefix)) == found


NO_VALUES: list[Any] = [{"$gt": ""}, {"$ne": None}, [1], b"", object()]


BUILT: list[Callable[[Any], Filter]] = [
    lambda value: Compare("v", "eq", value),
    lambda value: Compare("v", "gt", value),
    lambda value: OneOf("v", (1, value)),
    lambda value: Prefix("v", value),
    HasId,
    lambda value: AllOf((value,)),
    lambda value: AnyOf((Exists("v", True), value)),
    lambda value: value,
]


@pytest.mark.parametrize("build", BUILT)
async def test_an_object_is_never_a_filter(documents: Documents, build: Callable[[Any], Filter]) -> None:
    """Nor part of one, even if somebody builds it by hand."""
    for value in NO_VALUES:
        asked = build(value)
        for ask in (documents.find(asked), documents.count(asked), documents.delete_where(asked)):
            with pytest.raises(TypeError):
                await ask


@pytest.mark.parametrize("name", ["$where", "a.$ne", "a'b", 'a"b', "a..b", "", "a[0]", "0"])
async def test_a_field_is_a_plain_path(documents: Documents, name: str) -> None:
    """In filters built by hand, and in orders."""
    with pytest.raises(ValueError, match="no path of a field"):
        await documents.find(Compare(name, "eq", 1))
    with pytest.raises(ValueError, match="no path of a field"):
        await documents.find(order=Order(name))


@pytest.mark.parametrize("value", ["\ud800", "\0", 2**63, float("nan"), datetime(2026, 1, 1)])  # noqa: DTZ001 - the point
async def test_a_value_no_document_can_hold_is_not_asked_for(documents: Documents, value: Any) -> None:
    """It is the consumer's mistake, in a filter as in a document."""
    for asked in (FIELD.eq(value), FIELD.lt(value), FIELD.one_of(value)):
        with pytest.raises(Unstorable):
            await documents.find(asked)


async def test_a_long_filter_is_answered_and_a_longer_one_refused(documents: Documents, insert: Insert) -> None:
    """Before it breaks a store's parser."""
    found = await insert(v=7)
    assert await ids_of(documents, AnyOf(tuple(FIELD.gte(7) & FIELD.lte(7) for _ in range(166)))) == {found}
    assert await ids_of(documents, FIELD.one_of(*range(5000))) == {found}
    deep: Filter = FIELD.eq(7)
    for _ in range(2000):
        deep = AllOf((deep,))
    for asked in (AnyOf((FIELD.eq(7),) * 500), FIELD.one_of(*range(5001)), deep):
        with pytest.raises(ValueError, match="at most"):
            await documents.find(asked)


async def _pages(documents: Documents, order: Order, limit: int) -> list[str]:
    ids: list[str] = []
    found = Found((), None)
    while not ids or found.next:
        found = await documents.find(order=order, limit=limit, after=found.next)
        ids += [stored.id for stored in found.items]
    return ids


# --- pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_pages_are_the_order_cut_in_pieces(documents: Documents, limit: int, indexed: bool) -> None:
    """By kinds, values and ids, missing values first, forwards and backwards, nothing twice and nothing left out."""
    values: list[Any] = [
        ...,
        None,
        [1],
        {"a": 1},
        -1,
        0,
        0.0,
        0.5,
        2**53,
        2**53 + 1,
        "",
        "A",
        "a",
        "é",
        "\U0001f600",
        False,
        True,
    ]
    values += [NOON, LATER]
    ids = [f"{place // 4:02}{'dcba'[place % 4]}" for place in range(len(values))]
    for id_, value in zip(reversed(ids), reversed(values), strict=True):
        await documents.insert({} if value is ... else {"v": value}, id=id_)
    if indexed:
        await documents.ensure_indexes(Index("v"))
    first = [*sorted(ids[:4]), ids[4], *sorted(ids[5:7]), *ids[7:]]
    assert await _pages(documents, Order("v"), limit) == first
    assert await _pages(documents, Order("v", descending=True), limit) == first[::-1]
    assert await _pages(documents, Order(), limit) == sorted(ids)
    assert await _pages(documents, Order(descending=True), limit) == sorted(ids)[::-1]


async def test_pages_go_on_where_documents_come_and_go(documents: Documents) -> None:
    """Also behind a document that is there no more."""
    for n in range(6):
        await documents.insert({"n": n}, id=f"id{n}")
    first = await documents.find(where("n").ne(3), order=Order("n"), limit=2)
    assert first.next
    await documents.delete("id1")
    await documents.insert({"n": 0.5}, id="before")
    rest = await documents.find(where("n").ne(3), order=Order("n"), after=first.next)
    assert [stored.id for stored in rest.items] == ["id2", "id4", "id5"]
    assert rest.next is None


async def test_a_cursor_is_good_for_its_order_only(documents: Documents, insert: Insert) -> None:
    """It stands in a URL as it is; anything else is no cursor."""
    for n in range(3):
        await insert(v=n, w="?" * n + "\U0001f600")
    by_v = (await documents.find(order=Order("v"), limit=1)).next
    by_w = (await documents.find(order=Order("w"), limit=2)).next
    by_id = (await documents.find(limit=1)).next
    assert by_v
    assert by_w
    assert by_id
    assert all(letter.isalnum() or letter in "-_" for letter in by_v + by_w + by_id)
    bad = [by_w, by_id, by_v + "x", by_v[:-4], "", "é", "\ud800", "bnVsbA", "W10", "A" * 9, "W1tb" * 20_000, "//8"]
    for cursor in bad:
        with pytest.raises(InvalidCursor):
            await documents.find(order=Order("v"), after=cursor)
    with pytest.raises(InvalidCursor):
        await documents.find(order=Order("v", descending=True), after=by_v)
    with pytest.raises(InvalidCursor):
        await documents.find(after=by_v)


async def test_a_page_has_at_most_a_thousand(documents: Documents) -> None:
    """However many are asked for; none is no page."""
    await asyncio.gather(*(documents.insert({"n": n}) for n in range(1001)))
    found = await documents.find(limit=10**12)
    assert len(found.items) == 1000
    assert len((await documents.find(after=found.next)).items) == 1
    for limit in (0, -1):
        with pytest.raises(ValueError, match="at least one"):
            await documents.find(limit=limit)
