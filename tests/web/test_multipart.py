"""The parts of a form: what is read, and what is refused."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.domain.faults import Fault, InvalidSyntax, UnsupportedMediaType
from pi_server.web.multipart_body import MAX_HEADERS, MAX_PARTS, parse_multipart
from tests.parts.effort import assert_linear

NONE: frozenset[str] = frozenset()


def _part(name: str = "text", value: str = "x", *headers: str) -> str:
    return "\r\n".join(("--b", f'Content-Disposition: form-data; name="{name}"', *headers, "", value, ""))


def _parsed(text: str | bytes, content_type: str = "multipart/form-data; boundary=b") -> dict[str, object]:
    return parse_multipart(text if isinstance(text, bytes) else text.encode(), content_type, NONE)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (_part() + "--b--\r\n", {"text": "x"}),
        (_part() + "--b--", {"text": "x"}),
        ("--b--\r\n", {}),
        (_part("a") + _part("b", "") + "--b--\r\n", {"a": "x", "b": ""}),
        (_part("text", "x", "Content-Type: text/plain; charset=UTF-8") + "--b--", {"text": "x"}),
        (_part("text", "x", "Content-Transfer-Encoding: 8bit") + "--b--", {"text": "x"}),
        ("--b\r\ncontent-disposition: Form-Data; name=text\r\n\r\nx\r\n--b--", {"text": "x"}),
        ('--b\r\nContent-Disposition: form-data; name="a\\"b"\r\n\r\nx\r\n--b--', {'a"b': "x"}),
        ("".join(_part(f"f{n}") for n in range(MAX_PARTS)) + "--b--", {f"f{n}": "x" for n in range(MAX_PARTS)}),
    ],
)
def test_well_formed_parts_are_read(text: str, fields: dict[str, str]) -> None:
    """As browsers and programs write them."""
    assert _parsed(text) == fields


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 400),
        (_part(), 400),
        (_part() + "--b", 400),
        (_part()[:-3], 400),
        ("x" + _part() + "--b--", 400),
        (_part() + "--b--\r\nmore", 400),
        (_part().replace("\r\n", "\n") + "--b--", 400),
        ("--b\r\n\r\nx\r\n--b--", 400),
        ("--bc\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--", 400),
        ("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", 400),
        ('--b\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--b--', 400),
        ('--b\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\nx\r\n--b--', 400),
        ('--b\r\nContent-Disposition: form-data; name="a\r\n\r\nx\r\n--b--', 400),
        ('--b\r\nContent-Disposition: form-data; name="a" x\r\n\r\nx\r\n--b--', 400),
        ('--b\r\nContent-Disposition : form-data; name="a"\r\n\r\nx\r\n--b--', 400),
        ("--b\r\nno header\r\n\r\nx\r\n--b--", 400),
        (_part("a") + _part("a") + "--b--", 400),
        (_part("a", "x", "Content-Transfer-Encoding: base64") + "--b--", 400),
        (_part("a", "x", *[f"X-{n}: x" for n in range(MAX_HEADERS)]) + "--b--", 400),
        (_part("a", "x", f"X: {'x' * 8190}") + "--b--", 400),
        ("".join(_part(f"f{n}") for n in range(MAX_PARTS + 1)) + "--b--", 400),
        (_part("a", "x", "Content-Type: application/json") + "--b--", 415),
        (_part("a", "x", "Content-Type: text/plain; charset=latin-1") + "--b--", 415),
        (_part("a", "x", "Content-Type: multipart/mixed; boundary=c") + "--b--", 415),
        ('--b\r\nContent-Disposition: form-data; name="a"; filename=""\r\n\r\nx\r\n--b--', 415),
        ("--b\r\nContent-Disposition: form-data; name=a; filename*=UTF-8''x\r\n\r\nx\r\n--b--", 415),
    ],
)
def test_malformed_parts_are_refused(text: str, status: int) -> None:
    """Bad, cut, too many or too long: 400; files and anything but text: 415."""
    with pytest.raises(Fault) as caught:
        _parsed(text)
    assert caught.value.status == status


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "x" * 71, '; boundary=""', "; boundary=é"])
def test_a_form_without_a_usable_boundary_is_refused(boundary: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(Fault) as caught:
        _parsed(_part() + "--b--", f"multipart/form-data{boundary}")
    assert caught.value.status == 400


@given(st.binary(max_size=300))
def test_no_bytes_between_boundaries_raise_anything_but_a_fault(inner: bytes) -> None:
    """Whatever stands there, it is read or refused."""
    for text in (inner, b"--b\r\n" + inner + b"\r\n--b--", b"--b\r\nContent-Disposition: form-data; " + inner):
        with suppress(InvalidSyntax, UnsupportedMediaType):
            _parsed(text + b"\r\n\r\n\r\n--b--")


def test_a_megabyte_of_boundaries_or_of_semicolons_is_refused_quickly() -> None:
    """No text makes the parser slow."""

    def refuse(text: str) -> None:
        with pytest.raises(Fault):
            _parsed(text)

    disposition = "--b\r\nContent-Disposition: form-data"
    hostile: list[Callable[[int], str]] = [
        lambda size: "--b\r\n" * (25_000 * size),
        lambda size: _part() + "\r\n" * (62_500 * size) + "--b--x",
        lambda size: disposition + ';a="' * (250 * size) + "\r\n\r\n\r\n--b--",
    ]
    for text in hostile:
        assert_linear(partial(refuse, text(1)), partial(refuse, text(8)), 8)
