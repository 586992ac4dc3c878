"""A record is one line, whatever it holds, and reads back as what was sent."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi_server.audit.api_log import Level
from pi_server.audit.api_log_parser import parse_line
from pi_server.audit.payload import CAP, payload_text
from pi_server.domain.call import Call
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.message import WireRequest, WireResponse
from tests.audit.scene import ID, Recorder, answer, exchange

REQUEST_FIELDS = (
    "headers, sourceIP, payload, verb, correlationId, apiTo, flow, endpoint, endpointName, endpointCompany, apiName"
)
RESPONSE_FIELDS = (
    "headers, payload, verb, correlationId, statusCode, apiTo, flow, endpoint, endpointName, endpointCompany, apiName"
)
HOSTILE = [
    *'\n\r\t\0\x1b\x7f\x85\u2028\u2029\u202e\u2066\u061c"\\{}[]<&é中\U0001f600',
    "\r\n[2026-11-21 01:48:10,123] INFO",
]
texts = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), max_size=12).map("".join)


def is_one_line(line: bytes) -> bool:
    """Whether every reader sees one line of printable text."""
    text = line.decode()
    return len(text.splitlines()) == 1 and text.endswith("\n") and "\x1b" not in text


def record(body: bytes, level: Level = "full", content_type: str = "text/plain") -> list[bytes]:
    """The lines of an exchange that asks ``body`` and is answered the same."""
    recorder = Recorder()
    headers = (("Content-Type", content_type),)

    async def echo(e: Exchange) -> WireResponse:
        return WireResponse(200, headers, e.request.body)

    asyncio.run(recorder.ask(echo, exchange(body, headers), level))
    return recorder.lines


@settings(max_examples=1000)
@given(texts)
def test_every_payload_is_one_line_and_reads_back(text: str) -> None:
    """A thousand hostile payloads are a thousand lines, each of which parses to the payload it was made of."""
    body = ("=" + text).encode("utf-8", "backslashreplace")  # "=": nothing that looks like JSON in UTF-16
    request, response = record(body)
    assert is_one_line(request)
    assert is_one_line(response)
    assert parse_line(request.decode()).payload == parse_line(response.decode()).payload == body.decode()


@settings(max_examples=300)
@given(
    st.binary(max_size=200), st.sampled_from(["text/xml", "text/xml; charset=iso-8859-1", "a; charset=punycode", ""])
)
def test_any_bytes_are_one_line(body: bytes, content_type: str) -> None:
    """Bytes in no encoding, or in a charset that lies, never raise and stay on one line."""
    assert all(is_one_line(line) and parse_line(line.decode()) for line in record(body, content_type=content_type))


@settings(max_examples=300)
@given(st.lists(st.text(max_size=20), min_size=6, max_size=6))
def test_every_field_is_one_line(hostile: list[str]) -> None:
    """No field of a record, lone surrogates included, can break its line or its JSON."""
    source, id_, name, company, header, value = hostile
    recorder = Recorder()
    request = WireRequest("POST", "http://h/" + name, ((header, value),))
    one = Exchange(Call(correlation_id=id_, source=source), Endpoint("", name, company), request)
    asyncio.run(recorder.ask(answer, one))
    assert all(is_one_line(line) for line in recorder.lines)
    assert parse_line(recorder.lines[0].decode()).correlation_id == id_


async def test_fields_are_named_and_ordered_as_the_contract_says() -> None:
    """The names and their order are those of the template, for both kinds of record and at all levels."""
    levels: tuple[Level, ...] = ("basic", "standard", "full")
    for level in levels:
        recorder = Recorder()
        await recorder.ask(answer, exchange(), level)
        request, response = (parse_line(line.decode()) for line in recorder.lines)
        assert ", ".join(request.fields) == REQUEST_FIELDS
        assert ", ".join(response.fields) == RESPONSE_FIELDS


@pytest.mark.parametrize("level", ["basic", "standard"])
def test_lower_levels_show_no_payload(level: Level) -> None:
    """Below ``full`` a payload leaves no trace, and at ``basic`` no header either."""
    lines = b"".join(record(b"visible", level))
    assert b"visible" not in lines
    assert (b"text/plain" in lines) == (level == "standard")


@pytest.mark.parametrize(("unit", "whole"), [(b"x", CAP), ("é".encode(), CAP), ("中".encode(), CAP - 1)])
def test_a_long_payload_is_cut_and_says_so(unit: bytes, whole: int) -> None:
    """Above the cap a payload ends, between two characters, in a mark with its full length."""
    body = unit * (CAP + 1)
    payload = parse_line(record(body)[0].decode()).payload
    assert payload == body[:whole].decode() + f"...[truncated: {len(body)} bytes in all]"


def test_a_payload_of_the_cap_is_whole() -> None:
    """At the cap nothing is cut."""
    assert parse_line(record(b"x" * CAP)[0].decode()).payload == "x" * CAP


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_structured_text_is_read_in_any_unicode_encoding(encoding: str) -> None:
    """XML and JSON are text, and so maskable, in each encoding of Unicode."""
    for text in ("<a>é</a>", '{"a":"é"}'):
        assert payload_text(text.encode(encoding), "").lstrip("\ufeff") == text


def test_a_declared_charset_is_believed_when_it_is_not_utf8() -> None:
    """Bytes that are not UTF-8 are read as the content type says."""
    assert payload_text("café".encode("latin-1"), 'text/plain; charset="ISO-8859-1"') == "café"
    assert payload_text("ж".encode("cp1251"), "text/plain;charset=windows-1251") == "ж"
    assert payload_text(b"caf\xe9", "text/plain; charset=iso-8859-99") == "caf\\xe9"


def test_binary_is_shown_escaped() -> None:
    """Bytes that are no text keep what is readable in them, and the rest as escapes."""
    assert payload_text(b"\x89PNG\r\n\x1a\n\0\0\0", "image/png") == "\\x89PNG\r\n\x1a\n\0\0\0"
    assert payload_text(b"\xff\xfe\0caf\xe9", "") == "\\xff\\xfe\0caf\\xe9"


OLD_LINE = (
    "[2023-06-17 19:49:14,001]  INFO {API_LOG} {\u201cheaders\u201d: [\u201cDate=Sat, 17 Jun 2023 16:19:27 GMT\u201d], "
    "\u201cpayload\u201d: \u201c<a b=\u2019c\u2032/>\u201d, \u201cverb\u201d: \u201cPOST\u201d, "
    "\u201ccorrelationId\u201d: \u201c7\u201d, \u201cstatusCode\u201d: \u201c200\u201d, "
    "apiTo\u201d: \u201capi/x\u201d, \u201cflow\u201d: \u201cRESPONSE_IN_PI\u201d}\n"
)


def test_lines_of_the_old_template_are_read() -> None:
    """Typographic quotes, the missing quote of apiTo and a quoted status code are understood."""
    old = parse_line(OLD_LINE)
    assert (old.stamp, old.level, old.flow, old.status) == ("2023-06-17 19:49:14,001", "INFO", "RESPONSE_IN_PI", 200)
    assert old.fields["apiTo"] == "api/x"
    assert old.payload == "<a b='c'/>"


def test_own_lines_keep_typographic_quotes() -> None:
    """In a well-formed line the quotes of a payload stay as they were."""
    assert parse_line(record("\u201cso\u201d".encode())[0].decode()).payload == "\u201cso\u201d"


@pytest.mark.parametrize("line", ["", "hello", "[x] INFO {API_LOG} {", "[x] INFO {API_LOG} {a}", "[x] INFO [] {}"])
def test_other_lines_are_refused(line: str) -> None:
    """What is no API-log line is a ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        parse_line(line)


def test_golden_lines_parse() -> None:
    """The golden files read back: a request and its answer, with the status as a number."""
    lines = (Path(__file__).parent.parent / "golden" / "withdrawal_full.log").read_text().splitlines()
    request, response = map(parse_line, lines)
    assert (request.flow, request.status, request.correlation_id) == ("REQUEST_OUT_PI", None, ID)
    assert (response.flow, response.status, response.correlation_id) == ("RESPONSE_IN_PI", 200, ID)
