"""The one entry for foreign XML."""

import time

import pytest

from pi_server.providers.soap.xml import MAX_DEPTH, MAX_NODES, parse_xml, plain

BOMB = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">]><a x="&f;">&f;</a>"""

HOSTILE = {
    "bomb": BOMB,
    "bomb in UTF-16": BOMB.decode().replace('version="1.0"', 'version="1.0" encoding="UTF-16"').encode("utf-16"),
    "external entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "external DTD": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x">%x;]><a/>',
    "harmless DTD": b"<!DOCTYPE a><a/>",
    "unknown entity": b"<a>&nbsp;</a>",
    "too deep": b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1),
    "far too deep": b"<a>" * 100_000 + b"</a>" * 100_000,
    "too many elements": b"<a>" + b"<b/>" * MAX_NODES + b"</a>",
    "too many attributes": b"<a " + b" ".join(b'a%d=""' % n for n in range(MAX_NODES)) + b"/>",
    "two roots": b"<a/><b/>",
    "truncated": b"<a><b></b>",
    "empty": b"",
    "text": b"hello",
    "HTML": b"<!doctype html><html><body><br></body></html>",
    "wrong charset": '<?xml version="1.0" encoding="utf-8"?><a>é</a>'.encode("latin-1"),
    "unknown charset": b'<?xml version="1.0" encoding="none-such"?><a/>',
    "control character": b"<a>\x01</a>",
    "NUL": b"<a>\x00</a>",
    "unbound prefix": b"<x:a/>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused(name: str) -> None:
    """DTDs, entities, excess and what is not well-formed: a ValueError, and quickly."""
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"."):
        parse_xml(HOSTILE[name])
    assert time.monotonic() - start < 5


def test_limits_are_not_reached_by_what_is_just_below() -> None:
    """A document at the limits is read."""
    assert parse_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).tag == "a"
    assert len(parse_xml(b"<a>" + b"<b/>" * (MAX_NODES - 2) + b"</a>")) == MAX_NODES - 2


@pytest.mark.parametrize("data", ["<a>é</a>".encode(), "\ufeff<a>é</a>".encode(), "<a>é</a>".encode("utf-16")])
def test_honest_encodings_are_read(data: bytes) -> None:
    """UTF-8 with and without a byte order mark, and UTF-16."""
    assert parse_xml(data).text == "é"


def test_plain_data_keeps_text_and_repetition() -> None:
    """Elements become text, mappings, and lists where a name is repeated; comments are nothing."""
    root = parse_xml(b'<a xmlns:x="urn:x"><!-- no --><x:b>1</x:b><b>2</b><c><d/></c><?no?></a>')
    assert plain(root) == {"b": ["1", "2"], "c": {"d": ""}}
