"""Reading JSON: strict, exact and bounded."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.faults import InvalidSyntax
from pi_server.web.json_body import MAX_NODES, parse_json

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
