"""Who looked at whose records."""

import json
import os
from pathlib import Path

import pytest

from pi_server.audit.access_audit import AccessAudit
from pi_server.audit.writer import AppendFile, Stream
from pi_server.domain.call import Call
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Unrecorded

ANN = Call(correlation_id="c1", consumer=Consumer("ann", kind="session", realm="accounts"), source="10.0.0.7")


def test_a_line_tells_who_did_what_to_whose_fields(tmp_path: Path) -> None:
    """As JSON, with the names of what was seen, and none of the values."""
    file = AppendFile(tmp_path / "audit.log")
    audit = AccessAudit(file, timezone="UTC", clock=lambda: 1.5)
    audit.record(ANN, "read", whose="bob", records=("r1", "r2"), fields=("taken", "note"))
    file.close()
    assert (tmp_path / "audit.log").read_text() == (
        '{"at": "1970-01-01T00:00:01.500+00:00", "correlationId": "c1", "sourceIP": "10.0.0.7", "who": "ann", '
        '"kind": "session", "operation": "", "action": "read", "whose": "bob", "records": ["r1", "r2"], '
        '"fields": ["taken", "note"]}\n'
    )


@pytest.mark.parametrize("text", ["a\r\nb", "\u2028\u2029\x85", "\0\x1b[2J", "\u202e", '"}\\', "é", ""])
def test_a_record_is_one_line_whatever_it_holds(tmp_path: Path, text: str) -> None:
    """Line breaks and what looks like one are escaped, and read back."""
    file = AppendFile(tmp_path / "audit.log")
    AccessAudit(file).record(ANN, "read", whose=text, records=(text,), fields=(text,))
    file.close()
    (line,) = (tmp_path / "audit.log").read_text().splitlines()
    assert [json.loads(line)[name] for name in ("whose", "records", "fields")] == [text, [text], [text]]


def test_what_cannot_be_recorded_does_not_happen() -> None:
    """A full disk is a fault, before anything is read or changed."""
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(Unrecorded):
            AccessAudit(Stream(full)).record(ANN, "read", whose="bob")
    finally:
        os.close(full)
