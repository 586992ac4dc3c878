"""Numbers with check digits are found in any text, and other numbers are left alone."""

from __future__ import annotations

import json
import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_server.audit.mask import Mask
from pi_server.audit.mask_patterns import Patterns, iban_end, luhn
from pi_server.audit.mask_rules import MaskRules, unheard
from tests.parts.effort import assert_linear

MASK = Mask()
PATTERNS = Patterns(("card", "iban"), {}, unheard)
FOUND = [
    "4111111111111111",
    "5555 5555 5555 4444",
    "3782 822463 10005",
    "3782-822463-10005",
    "6011-1111-1111-1117",
    "6304000000000000",
    "4222222222222",
    "٤١١١١١١١١١١١١١١١",
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "GB82 WEST 1234 5698 7654 32",
    "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S",
]
KEPT = [
    "4111111111111112",
    "1763689690123",
    "1.4111111111111111",
    "20261121014810123",
    "41111111111111111111",
    "4111111111111111.50",
    "DE88370400440532013000",
    "XDE89370400440532013000",
    "2026-11-21 01:48:10",
    "0f8fad5bd9cb469fa16570867728950e",
]
AROUND = ["{}", "a {} b", "x={}&y=1", "<a>{}</a>", "<a b='{}'/>", '{{"a":"{}"}}', '["to {}, now"]', "5555 {}.", "({})"]


@pytest.mark.parametrize("number", FOUND)
@pytest.mark.parametrize("around", AROUND)
def test_numbers_with_right_check_digits_are_masked(number: str, around: str) -> None:
    """Wherever it stands the whole number is replaced, and what is around it stays."""
    assert MASK.payload(around.format(number)) == around.format("***")


@pytest.mark.parametrize("number", KEPT)
@pytest.mark.parametrize("around", AROUND[:7])
def test_other_numbers_stay(number: str, around: str) -> None:
    """Wrong check digits, times, fractions, amounts and ids are evidence."""
    text = around.format(number)
    assert MASK.payload(text) == text


def test_json_stays_json() -> None:
    """A number of JSON becomes a string; one in a string stays in its place; escapes hide nothing."""
    text = '{"a": 4111111111111111, "b": [5555555555554444], "c": "x 4111111111111111", "d": "411111111111111\\u0031"}'
    assert json.loads(MASK.payload(text)) == {"a": "***", "b": ["***"], "c": "x ***", "d": "***"}


def test_patterns_can_be_switched_off() -> None:
    """An operator whose ids look like cards lists the patterns that are left."""
    assert Mask((), MaskRules(patterns=())).payload("4111111111111111 DE89370400440532013000").startswith("4111")
    assert Mask((), MaskRules(patterns=("iban",))).payload("4111111111111111").startswith("4111")


@settings(max_examples=300)
@given(st.text(alphabet="0123456789 -ABDEGW.٤é", max_size=60))
def test_the_quick_look_misses_nothing(text: str) -> None:
    """What the patterns would mask is always suspected, and masking twice changes nothing."""
    masked = PATTERNS.masked(text)
    assert PATTERNS.suspected(text) or masked == text


@given(st.integers(10**11, 10**17))
def test_one_check_digit_in_ten_is_right(start: int) -> None:
    """Of the ten numbers that differ in the last digit exactly one passes, for cards."""
    assert sum(luhn(f"{start}{last}") for last in range(10)) == 1


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("GB82WEST12345698765432", 22),
        ("GB82 WEST 1234 5698 7654 32", 27),
        ("GB82-WEST-1234-5698-7654-32-PLEASE", 27),
        ("GB82WEST12345698765423", 0),
        ("GB83WEST12345698765432", 0),
    ],
)
def test_the_check_digits_of_an_iban(text: str, end: int) -> None:
    """A changed or swapped digit does not pass; what follows is no part of it."""
    assert iban_end(text) == end


def test_what_begins_like_an_iban_everywhere_takes_no_longer_than_cards() -> None:
    """Anybody may put that into a path: 8 KiB of it once took the time of five hundred calls."""
    assert_linear(lambda: PATTERNS.masked("4111 " * 50_000), lambda: PATTERNS.masked("AA00-" * 50_000), 1)


def test_a_clean_text_is_soon_known_to_be_clean() -> None:
    """The quick look at 600 bytes without a long number takes some microseconds at most."""
    text = json.dumps([{"account": f"100{n}", "amount": "1250.00", "at": 1763689690 + n} for n in range(11)])
    assert min(timeit.repeat(lambda: PATTERNS.suspected(text), number=500, repeat=5)) / 500 < 20e-6
