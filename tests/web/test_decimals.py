"""Decimals that came as text: found wherever a type may hold them, and only looked for there."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, RootModel, TypeAdapter

from pi_server.web.decimals import Decimals, has_decimal
from pi_server.web.json_body import MAX_DIGITS, is_absurd, is_object

LONG = "1" * (MAX_DIGITS + 1)


class Price(BaseModel):
    """An amount, and what never is one."""

    amount: Decimal
    currency: str = "GBP"
    taxed: bool | None = None


class Plain(BaseModel):
    """Nothing to look at."""

    name: str = ""
    tags: list[str] = []


class Tree(BaseModel):
    """Prices within prices, some of them twice in the type."""

    price: Price | None = None
    other: Price | None = None
    plain: Plain = Plain()
    mixed: Decimal | str | None = None
    by_name: dict[str, Price] = {}
    pair: tuple[str, Decimal] | None = None
    several: set[Decimal] = set()
    below: "list[Tree]" = []


class Loose(BaseModel):
    """Takes more amounts than it names."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Decimal]  # pyright: ignore[reportIncompatibleVariableOverride] # pydantic's own way


@dataclass
class Deal:
    """No model of pydantic's."""

    amount: Decimal


class Unset(BaseModel):
    """Has a default that is not of its type, which pydantic lets pass."""

    amount: Decimal = None  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
    prices: list[Price] = None  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]


class Wrapped(BaseModel):
    """Amounts made by a plugin's own function, beside one pydantic knows."""

    known: Decimal = Decimal(0)
    own: Annotated[Any, PlainValidator(Decimal)] = None
    checked: Annotated[list[Decimal], AfterValidator(tuple)] = []


def _absurd(kind: Any, given: Any) -> list[str]:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    assert has_decimal(adapter.core_schema)
    return Decimals(adapter.core_schema).absurd(adapter.validate_python(given))


FOUND: list[tuple[Any, Any, list[str]]] = [
    (Decimal, LONG, [""]),
    (list[Decimal], ["1", LONG, "1e65"], ["1", "2"]),
    (deque[Decimal], [LONG], ["0"]),
    (dict[str, Decimal], {"a": LONG, "b": "1"}, ["a"]),
    (dict[Decimal, str], {LONG: "a"}, [LONG]),
    (Price, {"amount": LONG}, ["amount"]),
    (list[Price], [{"amount": "1"}, {"amount": "1e-65"}], ["1.amount"]),
    (RootModel[list[Decimal]], [LONG], ["root.0"]),
    (Tree, {"other": {"amount": LONG}, "price": {"amount": LONG}}, ["price.amount", "other.amount"]),
    (Tree, {"by_name": {"x": {"amount": LONG}}}, ["by_name.x.amount"]),
    (Tree, {"below": [{"below": [{"pair": ["a", LONG]}]}]}, ["below.0.below.0.pair.1"]),
    (Tree, {"several": ["1e70"]}, ["several.0"]),
    (Tree, {"mixed": Decimal(LONG)}, ["mixed"]),
    (Tree, {"mixed": LONG, "plain": {"name": LONG}}, []),
    (Loose, {"more": LONG}, ["more"]),
    (Deal, {"amount": LONG}, ["amount"]),
    (list[Deal], [{"amount": LONG}], ["0.amount"]),
    (Unset, {}, []),
    (Unset, {"prices": [{"amount": LONG}]}, ["prices.0.amount"]),
    (Wrapped, {"own": LONG, "checked": [LONG]}, ["own", "checked.0"]),
]


@pytest.mark.parametrize(("kind", "given", "paths"), FOUND)
def test_absurd_decimals_are_found_wherever_they_are(kind: Any, given: Any, paths: list[str]) -> None:
    """Each by its path, in whatever holds it; texts that stay texts may look like anything."""
    assert _absurd(kind, given) == paths


numbers = st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from([Decimal(LONG), Decimal("1e65")])
texts = numbers.map(str)
prices = st.fixed_dictionaries({"amount": texts}, optional={"currency": texts, "taxed": st.booleans()})
leaves: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "price": st.none() | prices,
        "other": prices,
        "mixed": texts | numbers,
        "by_name": st.dictionaries(st.text("ab", max_size=2), prices, max_size=2),
        "pair": st.tuples(texts, texts),
        "several": st.lists(texts, max_size=2),
    },
)


def _grown(own: dict[str, Any], below: list[Any]) -> dict[str, Any]:
    return {**own, "below": below}


trees: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda inner: st.builds(_grown, leaves, st.lists(inner, max_size=3))
)


def _everywhere(value: Any) -> Iterator[Decimal]:
    """All decimals of a dumped value, without any knowledge of its type."""
    if isinstance(value, Decimal):
        yield value
    elif is_object(value):
        yield from _everywhere(list(value.values()))
    elif isinstance(value, (list, tuple, set)):
        for item in cast("Iterable[Any]", value):
            yield from _everywhere(item)


@given(trees)
def test_looking_only_where_decimals_may_be_misses_none(given: Any) -> None:
    """As many as a walk of everything finds."""
    adapter = TypeAdapter(Tree)
    tree = adapter.validate_python(given)
    found = Decimals(adapter.core_schema).absurd(tree)
    assert len(found) == sum(map(is_absurd, _everywhere(tree.model_dump())))


def test_fields_that_never_hold_a_decimal_are_not_looked_at() -> None:
    """A value no check could survive stands where only text may be."""
    untrue: dict[str, Any] = {"currency": Decimal(LONG)}
    hidden = Price.model_construct(amount=Decimal(1), **untrue)
    assert Decimals(TypeAdapter(Price).core_schema).absurd(hidden) == []


@pytest.mark.parametrize("kind", [str, Plain, list[Plain], dict[str, int]])
def test_types_without_decimals_are_known(kind: Any) -> None:
    """Nothing is looked for in their values at all."""
    assert not has_decimal(TypeAdapter(kind).core_schema)
