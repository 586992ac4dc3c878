"""Exchanges as files."""

from pathlib import Path

import pytest

from pi_server import Call
from pi_server.audit.mask import Mask
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireRequest, WireResponse
from pi_server.providers import recordings
from pi_server.providers.recordings import Recordings

LATIN = WireResponse(200, (("Content-Type", "text/xml"), ("Set-Cookie", "a=b")), "<a>é</a>".encode("latin-1"))


def _exchange(body: bytes = b"", url: str = "http://one.invalid/a?b=1") -> Exchange:
    request = WireRequest("POST", url, (("Content-Type", "application/json"),), body)
    return Exchange(Call(), Endpoint(url, "it", ""), request)


async def _kept(folder: Path, exchange: Exchange, response: WireResponse = LATIN) -> Recordings:
    async def answer(_: Exchange) -> WireResponse:
        return response

    found = Recordings(folder, Mask())
    assert await found.recording(answer)(exchange) == response
    return found


async def test_bytes_come_back_as_they_were(tmp_path: Path) -> None:
    """In any charset, from any host; cookies are not kept."""
    found = await _kept(tmp_path, _exchange(b"{}"))
    replayed = await found.replay(_exchange(b"{}", "https://other.invalid/a?b=1"))
    assert replayed == WireResponse(200, (("Content-Type", "text/xml"),), LATIN.body)


async def test_messages_that_differ_in_a_secret_alone_are_one(tmp_path: Path) -> None:
    """A file's name tells nothing that could be found out by trying; any other difference counts."""
    found = await _kept(tmp_path, _exchange(b'{"password": "one", "a": 1}'))
    assert (await found.replay(_exchange(b'{"password": "two", "a": 1}'))).status == 200
    for other in (_exchange(b'{"password": "one", "a": 2}'), _exchange(b"", "http://one.invalid/b")):
        with pytest.raises(ProviderFault, match="nothing is recorded for POST"):
            await found.replay(other)


async def test_what_cannot_be_kept_is_told_and_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Bytes in which no secret could be found, a folder that is full, and one that cannot be made."""
    await _kept(tmp_path, _exchange(), WireResponse(200, (), b"a\0b"))
    monkeypatch.setattr(recordings, "MOST", 1)
    await _kept(tmp_path, _exchange(b"1"))
    await _kept(tmp_path, _exchange(b"2"))
    await _kept(tmp_path, _exchange(b"1"))  # the same again takes no more room
    (tmp_path / "file").touch()
    await _kept(tmp_path / "file", _exchange())
    told = [record.getMessage() for record in caplog.records]
    assert [" is no text" in told[0], "there are 1 recordings" in told[1], len(told)] == [True, True, 3]


async def test_a_file_that_was_spoilt_is_told(tmp_path: Path) -> None:
    """Edited by hand, and not well."""
    found = await _kept(tmp_path, _exchange())
    for text in ("{", "{}", '{"response": []}', "\xff"):
        next(tmp_path.glob("*.json")).write_text(text, "latin-1")
        with pytest.raises(ProviderFault, match="cannot be read"):
            await found.replay(_exchange())
