"""Reading JSON: strict, exact and bounded."""

import contextlib
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.faults import InvalidSyntax
from pi_server.web.json_body import MAX_DEPTH, MAX_DIGITS, MAX_NODES, is_absurd, is_object, parse_json

REFUSED = {
    "empty": b"",
    "blank": b"  ",
    "cut": b'{"a": 1',
    "bare word": b"hello",
    "single quotes": b"{'a': 1}",
    "trailing comma": b"[1,]",
    "comment": b"[1] // one",
    "two documents": b"{} {}",
    "duplicate key": b'{"a": 1, "a": 2}',
    "nested duplicate key": b'{"o": {"a": 1, "a": 1}}',
    "NaN": b'{"a": NaN}',
    "Infinity": b"[-Infinity]",
    "not UTF-8": b'{"a": "\xff"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "lone surrogate": b'"\\ud800"',
    "raw control character": b'"a\x00b"',
    "leading zero": b"012",
    "hex": b"0x10",
    "33 levels": b"[" * 33 + b"]" * 33,
    "10,000 levels": b"[" * 10_000,
    "65 digits": b"1" * 65,
    "10,000 digits": b"1" * 10_000,
    "65 digits with a point": b"0." + b"1" * 65,
    "huge exponent": b"1e999999999",
    "tiny exponent": b"1e-65",
    "too many values": b"[" + b"1," * MAX_NODES + b"1]",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_json_or_beyond_the_limits_is_refused(name: str) -> None:
    """Each malformed or absurd document is a fault with 400, and nothing of it is in the message."""
    with pytest.raises(InvalidSyntax) as caught:
        parse_json(REFUSED[name])
    assert caught.value.status == 400
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1.10", Decimal("1.10")),
        (b"12345678901234567.89", Decimal("12345678901234567.89")),
        (b"1" * 64, int("1" * 64)),
        (b"[" * 32 + b"]" * 32, None),
        (b'"\\u00e9\\ud83d\\ude00"', "é😀"),
        (b"null", None),
        (b' {"a" : [true, false] } ', {"a": [True, False]}),
    ],
)
def test_what_is_within_the_limits_is_read_exactly(text: bytes, value: Any) -> None:
    """Decimals keep every digit, and the limits themselves are inside."""
    read = parse_json(text)
    assert value is None or read == value
    assert not isinstance(read, float)


documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**60), 10**60) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(documents)
def test_every_ordinary_document_is_accepted(document: Any) -> None:
    """What the standard library writes is read back as it was."""
    try:
        text = json.dumps(document).encode()
    except UnicodeEncodeError:
        return
    assert parse_json(text) == document


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_the_fault(body: bytes) -> None:
    """Whatever comes, it is read or refused."""
    with contextlib.suppress(InvalidSyntax):
        parse_json(body)


def _all(value: Any, depth: int = 1) -> Iterator[tuple[int, Any]]:
    """Every value of a document with its depth, in the plainest way."""
    yield depth, value
    if isinstance(value, (dict, list)):
        inner: Iterable[Any] = value.values() if is_object(value) else cast("list[Any]", value)
        for item in inner:
            yield from _all(item, depth + 1)


def _is_within(value: Any) -> bool:
    """The limits, judged value by value."""
    found = list(_all(value))
    return (
        len(found) <= MAX_NODES
        and max(depth for depth, _ in found) <= MAX_DEPTH
        and not any(_is_too_long(item) for _, item in found)
    )


def _is_too_long(value: Any) -> bool:
    if isinstance(value, int):
        return len(str(abs(value))) > MAX_DIGITS
    if not isinstance(value, Decimal):
        return False
    _, digits, exponent = value.as_tuple()
    return not isinstance(exponent, int) or len(digits) > MAX_DIGITS or abs(exponent) > MAX_DIGITS


def _number(sign: str, whole: int, places: int, exponent: str) -> str:
    return f"{sign}{'9' * whole}{'.' if places else ''}{'1' * places}{exponent}"


def _array(items: list[str]) -> str:
    return f"[{','.join(items)}]"


def _nested(item: str, times: int) -> str:
    return "[" * times + item + "]" * times


def _object(key: str, item: str) -> str:
    return f"{{{json.dumps(key)}: {item}}}"


near = st.integers(MAX_DIGITS - 2, MAX_DIGITS + 2)
signs = st.sampled_from(["", "-"])
exponents = st.builds("{}{}{}".format, st.sampled_from(["e", "E"]), st.sampled_from(["", "+", "-"]), near)
numbers: st.SearchStrategy[str] = (
    st.builds(_number, signs, near, st.just(0), st.just(""))
    | st.builds(_number, signs, st.integers(1, 3), near, st.just(""))
    | st.builds(_number, signs, st.integers(1, 3), st.integers(0, 3), exponents)
    | st.sampled_from(["0", "-0.0", "0e64", "0e65", "1.10", "1e5", "1e999999999", "1e-999999999"])
)
plain = st.sampled_from(["true", "null", '"1e999"', '"7f3e99"', '"[[{:,"', f'"{"1" * 99}"', "[]", "{}"])
hostile: st.SearchStrategy[str] = st.recursive(
    numbers | plain,
    lambda inner: (
        st.builds(_array, st.lists(inner, max_size=4))
        | st.builds(_nested, inner, st.integers(MAX_DEPTH - 4, MAX_DEPTH + 1))
        | st.builds(_object, st.text(max_size=3), inner)
    ),
    max_leaves=4,
)


@given(hostile, st.sampled_from([1, MAX_NODES // 3, MAX_NODES // 2, MAX_NODES - 1]))
def test_the_limits_are_kept_exactly(item: str, times: int) -> None:
    """The quick walk refuses what a plain one over all values does, and nothing else."""
    text = _array([item] * times) if len(item) < 20 else item
    whole = json.loads(text, parse_float=Decimal)
    try:
        read = parse_json(text.encode())
    except InvalidSyntax:
        assert not _is_within(whole)
    else:
        assert _is_within(whole)
        assert read == whole


@given(st.decimals() | numbers.map(Decimal))
def test_a_short_text_tells_that_a_decimal_is_not_absurd(number: Decimal) -> None:
    """Whatever decimal it is, the quick look and the whole one agree."""
    assert is_absurd(number) == _is_too_long(number)
