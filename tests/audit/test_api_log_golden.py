"""API-log lines, byte for byte: the files in ``tests/golden`` are the contract."""

from pathlib import Path

import pytest

from pi_server.audit.api_log import Level
from pi_server.domain.exchange import Exchange
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireResponse
from tests.audit.scene import ANSWER, ID, Recorder, answer, exchange

GOLDEN = Path(__file__).parent.parent / "golden"
JSON = ("Content-Type", "application/json")


def golden(name: str) -> bytes:
    """What must be written."""
    return (GOLDEN / f"{name}.log").read_bytes()


async def silence(_: Exchange) -> WireResponse:
    """Be a bank that cannot be reached."""
    raise ProviderFault("unreachable", "connection refused")


async def withdrawn(recorder: Recorder, level: Level = "full") -> bytes:
    """One answered withdrawal, as recorded."""
    assert await recorder.ask(answer, exchange(), level) is ANSWER
    return recorder.text


@pytest.mark.parametrize("level", ["full", "standard", "basic"])
async def test_both_legs_match_the_golden_file(level: Level) -> None:
    """Names, order, spaces and values of both records are those of the contract at each level."""
    assert await withdrawn(Recorder(), level) == golden(f"withdrawal_{level}")


async def test_off_records_nothing() -> None:
    """The level ``off`` leaves no record."""
    assert await withdrawn(Recorder(), "off") == b""


async def test_status_code_as_text() -> None:
    """A strict reader may have ``statusCode`` in quotes, and nothing else changes."""
    lines = await withdrawn(Recorder(status_code_as_string=True))
    assert lines == golden("withdrawal_full").replace(b'"statusCode": 200', b'"statusCode": "200"')


async def test_times_are_of_the_zone() -> None:
    """The same moment is told in the zone asked for."""
    lines = await withdrawn(Recorder(timezone="Asia/Tehran"))
    assert lines == golden("withdrawal_full").replace(b"01:48:10,123", b"05:18:10,123")


async def test_a_fault_closes_its_record() -> None:
    """A provider that cannot be reached leaves a closing record with the mapped status and an empty payload."""
    recorder = Recorder()
    with pytest.raises(ProviderFault):
        await recorder.ask(silence, exchange())
    assert recorder.text == golden("unreachable")


def hostile() -> Exchange:
    """Everything that could break a line or cheat its reader, and secrets everywhere."""
    body = '{"user":"Zoë \u202e\u2028\u2029\x7f\x85\\n","password":["hunter2"],"nationalId":7,"x":1.50}\r\n\t\x1b[0m'
    headers = (JSON, ("Host", "h"), ("User-Agent", "u"), ("Content-Length", "9"), ("Authorization", "Basic hunter2"))
    return exchange(body.encode(), headers, url="https://joe:hunter2@bank.example/ws?a=1&token=hunter2")


async def test_hostile_and_secret_content() -> None:
    """Controls and bidi marks are escaped, other text stays, secrets and the carrier's own headers are not shown."""
    recorder = Recorder()

    async def garbage(_: Exchange) -> WireResponse:
        return WireResponse(502, (("Set-Cookie", "hunter2"),), b"\xff\xfe\x00caf\xe9 <pin>hunter2</pin>")

    await recorder.ask(garbage, hostile())
    assert recorder.text == golden("hostile")


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.log")))
def test_golden_files_are_whole(name: str) -> None:
    """A golden file holds whole lines of printable text without a secret."""
    text = golden(name).decode()
    assert text.endswith("\n")
    assert "hunter2" not in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert ID in text
