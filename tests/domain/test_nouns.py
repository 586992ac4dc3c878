"""Services, operations, messages, calls and deadlines as values."""

import dataclasses
from decimal import Decimal
from math import inf
from typing import Any, cast, get_args

import pytest
from pydantic import BaseModel, ValidationError

import pi_server
from pi_server import Call, Consumer, Fault, Reply, RestMessage, Service, SoapMessage, SoapProvider, get, post
from pi_server.domain.deadline import NEVER, Deadline
from pi_server.domain.message import HttpVerb
from pi_server.domain.operation import operations_of


class Receipt(BaseModel):
    """A reply."""

    reply: str


class Withdraw(SoapMessage[Receipt], operation="accountWithdrawal"):
    """A SOAP message with wire fields named like metadata."""

    reply: str
    operation: str
    Amount: Decimal


class Again(Withdraw, operation="withdrawAgain"):
    """A message derived from another."""


class Latest(RestMessage[Receipt], path="/latest/{base}"):
    """A REST message."""

    base: str


def test_a_message_knows_its_reply_and_its_wire_name() -> None:
    """Metadata are class keywords, so fields named reply or operation stay wire fields."""
    message = Withdraw(reply="r", operation="o", Amount=Decimal(1))
    assert message.__shape__.reply is Receipt
    assert message.__shape__.operation == "accountWithdrawal"
    assert set(Withdraw.model_fields) == {"reply", "operation", "Amount"}
    assert Again.__shape__.operation == "withdrawAgain"
    assert Again.__shape__.reply is Receipt
    assert (Latest.__shape__.verb, Latest.__shape__.path) == ("GET", "/latest/{base}")


def test_a_message_is_frozen_and_takes_no_unknown_field() -> None:
    """A misspelt wire field is found before anything is sent."""
    with pytest.raises(ValidationError):
        Latest.model_validate({"base": "EUR", "bsae": "USD"})
    with pytest.raises(ValidationError):
        setattr(Latest(base="EUR"), "base", "USD")  # noqa: B010 - type checkers find the plain form


class Parent(Service):
    """A service with a field and an operation."""

    root = "/parent"
    bank: SoapProvider | None = None

    @get("/a")
    async def first(self, call: Call) -> None:
        """First operation."""

    @post("/b", scope="b", status=201)
    async def second(self, call: Call) -> None:
        """Second operation.

        With more to say.
        """


class Child(Parent):
    """A service that overrides an operation without repeating its declaration, and adds one."""

    root = "/child"

    @get("/c")
    async def third(self, call: Call) -> None:
        """Third operation."""


def test_operations_keep_the_order_of_declaration_and_are_inherited() -> None:
    """A derived service serves what its parent declares."""
    assert [operation.name for operation in operations_of(Parent)] == ["first", "second"]
    assert [operation.name for operation in operations_of(Child)] == ["first", "second", "third"]
    assert operations_of(Parent)[1].summary == "Second operation."


def test_a_service_is_a_frozen_value_with_keyword_fields() -> None:
    """Fields are configuration: given by name, never changed."""
    service = Parent(bank=None)
    assert [field.name for field in dataclasses.fields(service)] == ["bank"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        service.bank = None  # type: ignore[misc]


def test_a_call_is_complete_without_arguments() -> None:
    """Operations can be called in tests with Call(); each has an id of its own."""
    assert Call().correlation_id != Call().correlation_id
    assert Call().consumer.is_anonymous


@pytest.mark.parametrize(
    ("scopes", "asked", "held"),
    [("", None, True), ("", "a", False), ("a", "a", True), ("b", "a", False), ("*", "a", True)],
)
def test_a_consumer_may_what_its_scopes_say(scopes: str, asked: str | None, held: bool) -> None:
    """No scope asked is always held; the star holds all."""
    assert Consumer("x", frozenset(scopes), "token").may(asked) is held


def test_a_part_never_outlives_the_whole() -> None:
    """A deadline can only be narrowed."""
    assert Deadline(10).within(5, now=7) == Deadline(10)
    assert Deadline(10).within(2, now=7) == Deadline(9)
    assert NEVER.within(2, now=7) == Deadline(9)
    assert NEVER.at == inf
    assert Deadline(9).passed(9)


def test_a_fault_tells_code_status_and_message() -> None:
    """What differs from the class is given; the rest is its own."""
    fault = Fault("closed", 409, "The account is closed.")
    assert str(fault) == "409 closed: The account is closed."
    assert Fault().status == 400


def test_a_reply_is_generic_and_immutable() -> None:
    """Reply[Receipt](...) works, and its status cannot be changed later."""
    reply = Reply[Receipt](Receipt(reply="x"), status=201)
    with pytest.raises(dataclasses.FrozenInstanceError):
        reply.status = 200  # type: ignore[misc]


def test_the_facade_is_small_sorted_and_complete() -> None:
    """At most 16 public names, each documented."""
    assert pi_server.__all__ == sorted(pi_server.__all__)
    assert len(pi_server.__all__) <= 16
    assert all(getattr(pi_server, name).__doc__ for name in pi_server.__all__)


def test_get_and_head_may_be_repeated_and_nothing_else() -> None:
    """Unless the message says otherwise: what was sent is sent again only where asking twice is like asking once."""
    by_verb = {verb: _rest(verb).__shape__.repeatable for verb in get_args(HttpVerb)}
    assert {verb for verb, repeatable in by_verb.items() if repeatable} == {"GET", "HEAD"}


def _rest(verb: HttpVerb) -> type[RestMessage[Receipt]]:
    class Asked(RestMessage[Receipt], path="/x", verb=verb):
        pass

    return Asked


def test_a_message_says_whether_it_may_be_repeated() -> None:
    """By a class keyword, in both directions and for both kinds."""

    class Enquiry(SoapMessage[Receipt], repeatable=True):
        pass

    class Deposit(SoapMessage[Receipt]):
        pass

    class Once(RestMessage[Receipt], path="/x", repeatable=False):
        pass

    class Replace(RestMessage[Receipt], path="/x", verb="PUT", repeatable=True):
        pass

    assert [kind.__shape__.repeatable for kind in (Enquiry, Deposit, Once, Replace)] == [True, False, False, True]


def test_a_verb_that_is_none_is_refused() -> None:
    """Where the class is made, not with the first call."""
    with pytest.raises(TypeError, match="Asked: verb='FETCH' is none of GET, HEAD, POST"):
        _rest(cast("Any", "FETCH"))
