"""A corpus of JSON texts, each in the one way it is well-formed or not (RFC 8259), or beyond a limit of the server."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from pi_server.domain.faults import InvalidSyntax
from pi_server.web.json_body import MAX_DEPTH, MAX_DIGITS, MAX_NODES, parse_json
from tests.parts.effort import assert_linear

WELL_FORMED: dict[bytes, Any] = {
    b"null": None,
    b"true": True,
    b"false": False,
    b"0": 0,
    b"-0": 0,
    b"42": 42,
    b"-7": -7,
    b"1.5": Decimal("1.5"),
    b"-0.0": Decimal("0"),
    b"1e2": Decimal("100"),
    b"1E+2": Decimal("100"),
    b"1e-2": Decimal("0.01"),
    b"0e0": Decimal("0"),
    b"123.456e7": Decimal("1234560000"),
    b"0.1": Decimal("0.1"),
    b"9007199254740993": 9007199254740993,
    b"-9223372036854775809": -9223372036854775809,
    b"1" * MAX_DIGITS: int("1" * MAX_DIGITS),
    b"1e%d" % MAX_DIGITS: Decimal(f"1e{MAX_DIGITS}"),
    b'""': "",
    b'"a"': "a",
    b'"\\"\\\\\\/\\b\\f\\n\\r\\t"': '"\\/\b\f\n\r\t',
    b'"\\u0041"': "A",
    b'"\\u00e9\\u00E9"': "éé",
    b'"\\u0000"': "\0",
    b'"\\ud83d\\ude00"': "\U0001f600",
    b'"\\uD834\\uDd1e"': "\U0001d11e",
    b'"\\uffff"': "\uffff",
    b'"\\u2028"': "\u2028",
    '"é€😀"'.encode(): "é€😀",
    '"\u2028\u2029"'.encode(): "\u2028\u2029",
    b'"\x7f"': "\x7f",
    b'"/"': "/",
    b"[]": [],
    b"[ ]": [],
    b"[1]": [1],
    b"[1,2]": [1, 2],
    b"[[[]]]": [[[]]],
    b'[null, true, "x", {}]': [None, True, "x", {}],
    b"{}": {},
    b"{ }": {},
    b'{"a":1}': {"a": 1},
    b'{"":0}': {"": 0},
    b'{"a":{"a":{"a":[]}}}': {"a": {"a": {"a": []}}},
    b'{"a":1,"A":2}': {"a": 1, "A": 2},
    b'{"\\u0061":1}': {"a": 1},
    b'{"a":null,"b":[{}]}': {"a": None, "b": [{}]},
    b" \t\r\n[ \t\r\n1 \t\r\n] \t\r\n": [1],
    b"[" * MAX_DEPTH + b"]" * MAX_DEPTH: json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH),
    b"[" + b"0," * (MAX_NODES - 2) + b"0]": [0] * (MAX_NODES - 1),
}

MALFORMED = [
    *[b"", b" ", b"\n", b"\0", b"\xef\xbb\xbf1", b"\xfe\xff", b"\xff", b"nul", b"nulll", b"True", b"TRUE", b"None"],
    *[b"undefined", b"NaN", b"-NaN", b"nan", b"Infinity", b"-Infinity", b"inf", b"+1", b"++1", b"--1", b"-", b"+"],
    *[b".5", b"-.5", b"5.", b"5.e1", b"1e", b"1e+", b"1e1.5", b"1E", b"e1", b"01", b"-01", b"00", b"0x1", b"0b1"],
    *[b"1_000", b"1 000", b"1,000", b"1a", b"0.1.2", b"1/2", b"[1e]", b"[-]", b"[01]"],
    *["\uff11".encode(), "\u0663".encode()],
    *[b'"', b"'a'", b'"a', b'a"', b'"\\"', b'"\\x41"', b'"\\a"', b'"\\U0041"', b'"\\u"', b'"\\u00"', b'"\\u00g0"'],
    *[b'"\\u-041"', b'"\n"', b'"\t"', b'"\0"', b'"\x1f"', b'"\\\n"', b'"a" "b"', b'"\\', b'"\\u{41}"'],
    *[b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\ud800"', b'"\\ude00\\ud83d"', b'"\\ud800x"', b'"\\ud800\\n"'],
    *[b'{"\\ud800":1}', b'["\\udfff"]'],
    *[b'"\xc0\x80"', b'"\xe0\x80\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xc3"', b'"\x80"', b'"\xfe"'],
    *[b'{"\xff":1}', b'"\xf0\x9f\x98"', '"é"'.encode("latin-1"), '{"a":1}'.encode("utf-16-le")],
    *[
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b"[\xc2\xa01]",
        b"[\xe2\x80\x831]",
        b"[\x0c]",
        b"[\x0b1]",
    ],
    *[b"[", b"]", b"[1", b"1]", b"[,]", b"[1,]", b"[,1]", b"[1,,2]", b"[1 2]", b"[1;2]", b"[1}", b"(1)", b"[1]]"],
    *[b"[[1]", b"[1],", b"[1][2]", b"[...]", b"[1]x", b"[1]\0", b"[*]", b"[a]"],
    *[b"{", b"}", b"{1}", b'{"a"}', b'{"a":}', b'{"a" 1}', b'{"a"=1}', b"{:1}", b"{a:1}", b"{'a':1}", b"{1:1}"],
    *[b'{"a":1,}', b'{,"a":1}', b'{"a":1,,"b":2}', b'{"a":1 "b":2}', b'{"a":1]', b'{"a":1}}', b'{"a":1}{', b'{"a"::1}'],
    *[b"{null:1}", b'{["a"]:1}', b'{"a":1;}', b'{"a":1', b'{"a', b'{"a":"b', b'{"a":1}#', b'{"a":1}null'],
    *[b'{"a":1,"a":1}', b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'[{"b":0,"b":0}]', b'{"":1,"":2}'],
    *[b"// c\n1", b"1 // c", b"/* c */1", b"[1/**/]", b"# c\n1", b"<!-- -->1", b")]}',\n1", b"callback(1)"],
]

BEYOND = [
    b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    b"[" + b"0," * (MAX_NODES - 1) + b"0]",
    b"1" * (MAX_DIGITS + 1),
    b"-" + b"1" * (MAX_DIGITS + 1),
    b"0." + b"1" * (MAX_DIGITS + 1),
    b"1e%d" % (MAX_DIGITS + 1),
    b"1e-%d" % (MAX_DIGITS + 1),
    b"1e999999999999999999999",
    b"[-1e-999999999999999999999]",
]

LIMIT = 2**20
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "a long number": lambda size: b"1" * size,
    "a long fraction": lambda size: b"0." + b"1" * size,
    "a long exponent": lambda size: b"1e" + b"9" * size,
    "deep arrays": lambda size: b"[" * size,
    "deep objects": lambda size: b'{"a":' * (size // 5),
    "many numbers": lambda size: b"[" + b"1," * (size // 2) + b"1]",
    "many arrays": lambda size: b"[" + b"[]," * (size // 3) + b"[]]",
    "many long numbers": lambda size: b"[" + b",".join([b"1" * 4000] * (size // 4000)) + b"]",
    "many keys": lambda size: b"{" + b",".join(b'"%d":1' % number for number in range(size // 11)) + b"}",
}


@pytest.mark.parametrize("text", WELL_FORMED, ids=lambda text: repr(text[:30]))
def test_well_formed_texts_are_read(text: bytes) -> None:
    """To their exact value, with no float on the way."""
    value, expected = parse_json(text), WELL_FORMED[text]
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize("text", [*MALFORMED, *BEYOND], ids=lambda text: repr(text[:30]))
def test_malformed_texts_are_refused(text: bytes) -> None:
    """400, and never anything else."""
    with pytest.raises(InvalidSyntax):
        parse_json(text)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_are_refused_quickly(kind: str) -> None:
    """A body of the default limit costs eight times what an eighth of it costs, whatever is in it."""

    def refuse(text: bytes) -> None:
        with pytest.raises(InvalidSyntax):
            parse_json(text)

    small, large = HOSTILE[kind](LIMIT // 8), HOSTILE[kind](LIMIT)
    assert_linear(lambda: refuse(small), lambda: refuse(large), 8)


def test_the_corpus_is_large_and_says_nothing_twice() -> None:
    """So that a line deleted by mistake is missed."""
    assert len(WELL_FORMED) >= 50
    assert len(MALFORMED) == len(set(MALFORMED)) >= 150
