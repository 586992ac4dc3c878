"""What a person typed: the value, or a plain sentence beside each field."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, HttpUrl, PastDate, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pi_server.pages import ErrorText, Form


class Size(Enum):
    """What there is to choose."""

    SMALL = "s"
    LARGE = "l"


class Order(BaseModel):
    """A form with a field of each kind."""

    name: Annotated[str, Field(min_length=3, max_length=5)]
    secret: Annotated[SecretStr, Field(min_length=8)] = SecretStr("")
    code: Annotated[str, Field(pattern="^[0-9]+$"), ErrorText("A code has digits only.")] = "0"
    nick: Annotated[str, Field(pattern="^[a-z]+$")] | None = None
    count: Annotated[int, Field(ge=1, le=9)] = 1
    price: Annotated[Decimal, Field(gt=0, lt=100, decimal_places=2)] = Decimal(1)
    weight: float = 1.0
    day: date | None = None
    born: PastDate | None = None
    size: Size = Size.SMALL
    kind: Literal["a", "b"] = "a"
    gift: bool = False
    number: UUID | None = None
    site: HttpUrl | None = None
    tags: list[str] = []
    at: Annotated[str, Field(alias="from")] = ""
    even: int = 0
    rare: str = ""

    @field_validator("even")
    @classmethod
    def _check_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("Please choose an even number.")
        return value

    @field_validator("rare")
    @classmethod
    def _check_rare(cls, value: str) -> str:
        if value == "some":
            raise AssertionError("Some is too few.")
        if value == "odd":
            raise ValueError
        if value == "mail":
            raise PydanticCustomError("value_error", "value is not a valid email address: {why}", {"why": "no @"})
        if value == "common":
            raise PydanticCustomError("too_common", "{value} is too common.", {"value": value})
        return value

    @model_validator(mode="after")
    def _check_whole(self) -> "Order":
        if self.name == "ann" and self.gift:
            raise ValueError("Ann takes no gifts.")
        return self


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("name", "", "Please fill this in."),
        ("name", "ab", "Please use at least 3 characters."),
        ("name", "abcdef", "Please use at most 5 characters."),
        ("secret", "short", "Please use at least 8 characters."),
        ("code", "x", "A code has digits only."),
        ("nick", "X", "This does not have the right form."),
        ("count", "one", "Please enter a whole number."),
        ("count", "1.5", "Please enter a whole number."),
        ("count", "0", "This must be at least 1."),
        ("count", "10", "This must be at most 9."),
        ("price", "much", "Please enter a number."),
        ("price", "0", "This must be more than 0."),
        ("price", "100", "This must be less than 100."),
        ("price", "1.234", "Please use at most 2 decimal places."),
        ("weight", "heavy", "Please enter a number."),
        ("day", "tomorrow", "Please enter a date such as 2026-01-31."),
        ("born", "9999-01-01", "This must be a day in the past."),
        ("size", "m", "Please choose one of those offered."),
        ("kind", "c", "Please choose one of those offered."),
        ("gift", "perhaps", "Please answer yes or no."),
        ("number", "x", "This does not fit."),
        ("site", "x", "Please enter a web address."),
        ("even", "3", "Please choose an even number."),
        ("rare", "common", "common is too common."),
        ("rare", "some", "Some is too few."),
        ("rare", "odd", "This does not fit."),
        ("rare", "mail", "value is not a valid email address: no @"),
    ],
)
def test_each_mistake_has_a_plain_sentence(name: str, typed: str, sentence: str) -> None:
    """It stands beside its field, and beside no other; there is no value then."""
    form = Form.read(Order, {"name": "bob", name: typed})
    assert (form.value, dict(form.errors)) == (None, {name: sentence})


def test_a_rule_of_the_whole_form_stands_above_it() -> None:
    """Under the empty name."""
    assert Form.read(Order, {"name": "ann", "gift": "on"}).errors == {"": "Ann takes no gifts."}


def test_what_fits_becomes_the_model() -> None:
    """Texts as browsers send them: a checkbox that is on, an alias, several values; empty fields are absent."""
    typed = {"name": "bob", "gift": "on", "from": "here", "tags": ["a", "b"], "count": "", "day": "", "secret": ""}
    form = Form.read(Order, typed)
    assert form.value == Order.model_validate({"name": "bob", "gift": True, "from": "here", "tags": ["a", "b"]})
    assert form.errors == {}


def test_what_was_typed_is_kept_but_no_secret() -> None:
    """Also where it does not fit; fields that take several values are left out."""
    form = Form.read(Order, {"name": "x", "secret": "hunter2", "count": "many", "tags": ["a"]})
    assert form.given == {"name": "x", "count": "many"}
    assert "hunter2" not in repr(form)


def test_other_fields_have_an_empty_text() -> None:
    """So a template asks for any of them without looking first."""
    form: Form[Order] = Form()
    assert (form.value, form.given["anything"], form.errors["anything"], form.errors) == (None, "", "", {})


@pytest.mark.parametrize("extra", ["role", "_id", "isAdmin", "__proto__", "$set", "Name"])
def test_a_field_the_form_does_not_have_is_refused(extra: str) -> None:
    """Nobody typed it, so it is no mistake to be shown; and it comes before all other mistakes."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Form.read(Order, {"name": "x", extra: "1"})


def test_an_error_may_be_added() -> None:
    """To a copy: the form itself stays as it was."""
    form = Form.read(Order, {"name": "bob"})
    other = form.with_error("name", "There is one already.").with_error("", "Nothing was saved.")
    assert other.errors == {"name": "There is one already.", "": "Nothing was saved."}
    assert (other.value, other.given, form.errors) == (form.value, form.given, {})


def test_a_model_fills_a_form() -> None:
    """As texts that, sent back, make the same model; secrets stay where they are."""
    order = Order(name="bob", secret=SecretStr("long enough"), price=Decimal("9.50"), gift=True, day=date(2026, 1, 31))
    form = Form.filled(order)
    assert form.value == order
    assert {"price": "9.50", "day": "2026-01-31", "gift": "true"}.items() <= form.given.items()
    assert "secret" not in form.given
    assert Form.read(Order, form.given).value == order.model_copy(update={"secret": SecretStr("")})


@pytest.mark.parametrize("given", [{"name": "bob"}, {"name": ""}, {}])
def test_forms_are_values(given: dict[str, Any]) -> None:
    """Equal if they hold the same, so that a test compares the page an operation returned."""
    assert Form.read(Order, given) == Form.read(Order, given) != Form[Order]()
