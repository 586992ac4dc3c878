"""The codec of REST providers, without any I/O."""

import string
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from pi_server import RestMessage
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from pi_server.providers.rest import RestCodec
from tests.providers.bank import Ask, Latest, Table

CODEC = RestCodec("http://market.example/v1/")
JSON = (("Content-Type", "application/json; charset=utf-8"),)


class Nothing(BaseModel):
    """An answer without content."""


class Order(RestMessage[Nothing], path="/orders/{number}", verb="PUT"):
    """A message with a path and a body."""

    number: int
    unit_price: Decimal = Field(alias="unitPrice")
    note: str | None = None


class Search(RestMessage[Nothing], path="search"):
    """A message with a query of every kind."""

    tags: list[str] | None = None
    exact: bool = False
    limit: Decimal | None = None


def _decode(body: bytes, status: int = 200, headers: Any = JSON) -> Table:
    return CODEC.decode(Ask(), WireResponse(status, headers, body))


def test_path_and_body_are_told_apart() -> None:
    """Fields named in the path go there, the others into the JSON body by alias, absent ones as null."""
    request = CODEC.encode(Order.model_validate({"number": 7, "unitPrice": "1.10"}))
    assert (request.verb, request.url) == ("PUT", "http://market.example/v1/orders/7")
    assert request.body == b'{"unitPrice":"1.10","note":null}'
    assert ("Content-Type", "application/json") in request.headers


def test_a_query_repeats_lists_and_leaves_out_what_is_absent() -> None:
    """Lists are repeated, truth values are words, absent values are left out."""
    request = CODEC.encode(Search(tags=["a b", "c&d"], exact=True))
    assert request.url == "http://market.example/v1/search?tags=a%20b&tags=c%26d&exact=true"
    assert request.body == b""


def test_a_message_without_path_asks_the_endpoint_itself() -> None:
    """No path, no query: the base address."""
    assert CODEC.encode(Ask()).url == "http://market.example/v1"


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_a_path_value_stays_one_segment(value: str) -> None:
    """Whatever a value holds, it is one segment and comes back as it was, or it is refused."""
    try:
        url = CODEC.encode(Latest(base=value)).url
    except ValueError:
        assert value in (".", "..")
        return
    segment = url.removeprefix("http://market.example/v1/latest/")
    assert unquote(segment) == value
    assert set(segment) <= set(string.ascii_letters + string.digits + "%_.-~")


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_values_that_name_no_resource_are_refused(value: str) -> None:
    """An empty or dotted segment would reach another resource."""
    with pytest.raises(ValueError, match="path segment"):
        CODEC.encode(Latest(base=value))


def test_decimals_keep_every_digit() -> None:
    """Numbers never pass through a float, and fields the model does not know are ignored."""
    table = _decode(b'{"base": "EUR", "rates": {"USD": 1.23456789012345678901234567890}, "new": 1}')
    assert table.rates["USD"] == Decimal("1.23456789012345678901234567890")


@pytest.mark.parametrize("media", ["application/json", "Application/JSON;x=y", "application/problem+json"])
def test_json_by_any_of_its_names_is_read(media: str) -> None:
    """JSON is known by its content type."""
    assert _decode(b'{"base": "EUR", "rates": {}}', headers=(("content-type", media),)).base == "EUR"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"base": "EUR", "rates": {}}', ()),
        (b'{"base": "EUR", "rates": {}}', (("Content-Type", "text/html"),)),
        (b"<html></html>", JSON),
        (b"", JSON),
        (b" ", JSON),
        (b"null", JSON),
        (b"[]", JSON),
        (b'{"base": "EUR", "rates": {}} x', JSON),
        (b'\xef\xbb\xbf{"base": "EUR", "rates": {}}', JSON),
        (b'{"base": "\xff", "rates": {}}', JSON),
        (b'{"base": "EUR", "rates": {"USD": Infinity}}', JSON),
        (b'{"base": "EUR", "rates": {"USD": 1, "USD": 2}}', JSON),
        (b"[" * 100_000, JSON),
        (b'{"rates": {}}', JSON),
    ],
)
def test_nonsense_is_malformed(body: bytes, headers: Any) -> None:
    """What is not the JSON of the reply model is the provider's fault, of one kind."""
    with pytest.raises(ProviderFault) as caught:
        _decode(body, headers=headers)
    assert caught.value.kind == "malformed"


def test_a_reason_tells_paths_but_no_values() -> None:
    """The log learns where a reply does not fit, and never what it held."""
    with pytest.raises(ProviderFault) as caught:
        _decode(b'{"base": 5, "rates": {"USD": "s3cret"}}')
    assert "base: string_type" in caught.value.reason
    assert "rates.USD: decimal_parsing" in caught.value.reason
    assert "s3cret" not in caught.value.reason


@pytest.mark.parametrize("status", [301, 304, 400, 404, 500, 503])
def test_every_other_status_is_told(status: int) -> None:
    """Only 2xx is an answer; what comes with another status is not read."""
    with pytest.raises(ProviderFault) as caught:
        _decode(b'{"base": "EUR", "rates": {}}', status)
    assert (caught.value.kind, caught.value.status) == ("status", status)


def test_an_empty_answer_is_a_reply_without_fields() -> None:
    """204 fits a model that asks for nothing."""
    assert CODEC.decode(Search(), WireResponse(204)) == Nothing()


def test_a_misspelt_path_is_found_before_the_first_call() -> None:
    """A path that names no field is refused with a suggestion."""

    class Wrong(RestMessage[Nothing], path="/latest/{bse}"):
        base: str

    with pytest.raises(ValueError, match=r"no field 'bse'; did you mean \{base\}"):
        CODEC.check(Wrong)


def test_an_endpoint_with_a_query_is_refused() -> None:
    """Paths are appended to the endpoint, so it cannot end in a query."""
    with pytest.raises(ValueError, match="has no query"):
        RestCodec("http://market.example/?key=1")
