"""The input rule: from path, query and body to typed arguments, with every problem at once."""

from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from pi_server import Body, Call, Query, Service, delete, get, post, put
from pi_server.domain.faults import InvalidInput
from pi_server.domain.operation import operations_of
from pi_server.web.inputs import Inputs


class Order(BaseModel):
    """What is ordered."""

    account: str
    amount: Decimal
    lines: list[str] = []


class Edit(BaseModel):
    """A change to the order whose id is in the path."""

    id: int
    note: str = Field(alias="Note")


class Open(BaseModel):
    """A model that keeps what it does not know."""

    model_config = ConfigDict(extra="allow")
    name: str


class Shop(Service):
    """Every way of taking input."""

    root = "/shop"

    @post("/orders")
    async def order(self, call: Call, order: Order) -> None:
        """One model from the body."""

    @get("/orders/{id}")
    async def read(self, call: Call, id: int, fields: list[str] | None = None, page: int = 1) -> None:  # noqa: A002
        """Path and query fields."""

    @put("/orders/{id}")
    async def edit(self, call: Call, edit: Edit) -> None:
        """One model from path and body."""

    @post("/orders/{id}/move")
    async def move(self, call: Call, id: int, to: str, force: Annotated[bool, Query] = False) -> None:  # noqa: A002
        """Path, body field and marked query."""

    @post("/batch")
    async def batch(self, call: Call, orders: list[Order]) -> None:
        """A list."""

    @get("/search")
    async def search(self, call: Call, order: Order) -> None:
        """One model from the query."""

    @delete("/orders")
    async def purge(self, call: Call, filter: Annotated[Order, Body]) -> None:  # noqa: A002
        """A marked body."""

    @post("/open")
    async def keep(self, call: Call, thing: Open) -> None:
        """A model that says itself what happens to unknown fields."""

    @post("/none")
    async def nothing(self, call: Call) -> None:
        """No input."""


OPERATIONS = {operation.name: operation for operation in operations_of(Shop)}


def _arguments(
    name: str, path: dict[str, str] | None = None, query: dict[str, list[str]] | None = None, body: Any = None
) -> Any:
    return Inputs(OPERATIONS[name]).arguments(path or {}, query or {}, body)


def _problems(name: str, **given: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        _arguments(name, **given)
    assert caught.value.status == 422
    return {detail.path: detail.reason for detail in caught.value.details}


def test_a_model_comes_from_the_body() -> None:
    """The body of a POST becomes the operation's model, decimals exactly."""
    found = _arguments("order", body={"account": "1", "amount": Decimal("1.10")})
    assert found == {"order": Order(account="1", amount=Decimal("1.10"))}


def test_path_and_query_fill_their_parameters() -> None:
    """Path variables, repeated query fields and defaults."""
    found = _arguments("read", path={"id": "7"}, query={"fields": ["a", "b"]})
    assert found == {"id": 7, "fields": ["a", "b"]}


def test_a_model_may_take_a_field_from_the_path() -> None:
    """A name in the template comes from the path, also inside a model; aliases are the wire names."""
    assert _arguments("edit", path={"id": "7"}, body={"Note": "x"}) == {"edit": Edit(id=7, Note="x")}


def test_a_mark_moves_a_parameter_to_another_place() -> None:
    """Annotated[..., Query] and Annotated[..., Body] are the exceptions to the verb's rule."""
    assert _arguments("move", path={"id": "7"}, query={"force": ["true"]}, body={"to": "x"})["force"] is True
    assert _arguments("purge", body={"account": "1", "amount": 2})["filter"].amount == 2


def test_lists_and_open_models_are_taken_whole() -> None:
    """A list is the whole body; a model that allows unknown fields keeps them."""
    assert len(_arguments("batch", body=[{"account": "1", "amount": 1}] * 2)["orders"]) == 2
    assert _arguments("keep", body={"name": "n", "more": 1})["thing"].model_extra == {"more": 1}


def test_all_problems_are_told_at_once() -> None:
    """Unknown, missing and wrong fields are one fault with one detail each."""
    problems = _problems("order", body={"amount": "ten", "colour": "red", "lines": ["a", 1]})
    assert set(problems) == {"account", "amount", "colour", "lines.1"}


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("order", {"body": None}, "account"),
    ("order", {"body": [1]}, "body"),
    ("order", {"body": "text"}, "body"),
    ("order", {"body": {"account": "1", "amount": 1}, "query": {"x": ["1"]}}, "x"),
    ("order", {"body": {"account": "1", "amount": 1}, "query": {"account": ["1"]}}, "account"),
    ("order", {"body": {"account": "1", "amount": True}}, "amount"),
    ("order", {"body": {"account": "1", "amount": "1e999999999"}}, "amount"),
    ("order", {"body": {"account": "1", "amount": "1" * 65}}, "amount"),
    ("order", {"body": {"account": "1", "amount": "NaN"}}, "amount"),
    ("order", {"body": {"account": {"$ne": ""}, "amount": 1}}, "account"),
    ("read", {"path": {"id": "x"}}, "id"),
    ("read", {"path": {"id": "1"}, "query": {"page": ["1", "2"]}}, "page"),
    ("edit", {"path": {"id": "1"}, "body": {"id": 2, "Note": "x"}}, "id"),
    ("edit", {"path": {"id": "1"}}, "Note"),
    ("move", {"path": {"id": "1"}, "body": {"to": "x", "id": 1}}, "id"),
    ("move", {"path": {"id": "1"}, "body": {}}, "to"),
    ("move", {"path": {"id": "1"}, "body": []}, "body"),
    ("move", {"path": {"id": "1"}, "body": {"to": "x", "force": True}}, "force"),
    ("batch", {"body": None}, "body"),
    ("batch", {"body": {}}, "body"),
    ("batch", {"body": [{}]}, "0.account"),
    ("search", {"query": {"account": ["1"]}}, "amount"),
    ("search", {"query": {"account": ["1"], "amount": ["1"], "z": ["1"]}}, "z"),
    ("nothing", {"body": {"a": 1}}, "a"),
    ("nothing", {"query": {"a": ["1"]}}, "a"),
]


@pytest.mark.parametrize(("name", "given", "path"), WRONG)
def test_what_does_not_fit_is_told_by_its_path(name: str, given: dict[str, Any], path: str) -> None:
    """Each wrong input names the field that is wrong."""
    assert path in _problems(name, **given)


def test_no_problem_repeats_the_value() -> None:
    """A rejected value may be a secret, so it is not told."""
    assert "hunter2" not in str(
        _problems("order", body={"account": ["hunter2"], "amount": "hunter2", "lines": "hunter2"})
    )


class Unfinished(Service):
    """Operations that cannot be served."""

    root = "/unfinished"

    @get("/a/{id}")
    async def forgets(self, call: Call) -> None:
        """Takes no id."""

    @get("/b")
    async def untyped(self, call: Call, value) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
        """Has a parameter without a type."""

    @get("/c")
    async def callless(self, order: int) -> None:
        """Has no call."""

    @get("/d")
    async def unknown(self, call: Call, value: "Nowhere") -> None:  # type: ignore[name-defined] # noqa: F821
        """Has a type that nobody has defined."""  # pyright: ignore[reportUndefinedVariable]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("forgets", r"\{id\}"),
        ("untyped", "no type annotation"),
        ("callless", "its first parameters are self and call: Call"),
        ("unknown", "an annotation cannot be read: name 'Nowhere' is not defined"),
    ],
)
def test_a_signature_that_cannot_be_served_is_refused(name: str, reason: str) -> None:
    """A template variable nobody takes and a parameter without type are found when mounted."""
    operation = next(operation for operation in operations_of(Unfinished) if operation.name == name)
    with pytest.raises(ValueError, match=reason):
        Inputs(operation)
