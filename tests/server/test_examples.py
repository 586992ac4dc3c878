"""Replies made up from their models."""

from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from pi_server.server.sandbox.examples import example_of


class Leaf(BaseModel):
    """One of every kind."""

    text: str
    long: str = Field(min_length=20)
    count: int = Field(ge=7)
    above: int = Field(gt=7)
    money: Decimal
    day: date
    yes: bool
    colour: Literal["red", "blue"]
    said: str = Field(examples=["so"])
    given: str = "default"
    perhaps: int | None


class Tree(BaseModel):
    """Leaves, and the tree itself."""

    name: str = Field(alias="Name")
    leaves: list[Leaf] = Field(min_length=2)
    by_name: dict[str, Leaf]
    below: "Tree | None" = None


def test_an_example_fits_its_model() -> None:
    """Of each type the smallest value, examples and defaults first."""
    tree = example_of(Tree)
    leaf = tree.leaves[1]
    assert (len(leaf.long), leaf.count, leaf.above, leaf.said, leaf.given) == (20, 7, 8, "so", "default")
    assert (leaf.colour, leaf.yes, tree.by_name, tree.below) == ("red", True, {}, None)


class Coded(BaseModel):
    """Asks for more than a type tells."""

    code: str = Field(pattern=r"^[A-Z]{3}\d$")


def test_what_cannot_be_made_up_is_told() -> None:
    """With the field that needs an example."""
    with pytest.raises(ValueError, match=r"no Coded can be made up \(code\); give its fields examples"):
        example_of(Coded)
