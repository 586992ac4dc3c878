"""The access log: one line for each request, readable by people or by programs."""

import json
import os
import pty
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_server.audit.access_log import AccessLines, latency, wants_colour
from pi_server.audit.mask import Mask
from pi_server.audit.stamp import Stamp, api_form, rfc3339_form
from pi_server.domain.ports import Access, AccessLog
from tests.audit.scene import MOMENT

SERVED = Access(200, 0.001234, "127.0.0.1", "POST", "/path?query", "id-1", "shop")


def told(access: Access, *, json: bool = False, colour: bool = False, skip: tuple[str, ...] = ()) -> str:
    """What the log holds after ``access``."""
    lines: list[bytes] = []
    log: AccessLog = AccessLines(
        lines.append, mask=Mask(), timezone="UTC", clock=lambda: MOMENT, json=json, colour=colour, skip=skip
    )
    log.record(access)
    return b"".join(lines).decode()


def test_the_text_form() -> None:
    """The fields stand in n9e's order, aligned."""
    line = "[PI] 2026/11/21 - 01:48:10 | 200 |   1.234ms |       127.0.0.1 | POST    /path?query | id-1 | shop\n"
    assert told(SERVED) == line


def test_an_unknown_consumer_and_an_error() -> None:
    """Nobody is a dash; what went wrong comes last."""
    line = told(SERVED._replace(consumer="", error="404 no_such_path: No."))
    assert line.endswith(" | id-1 | - | 404 no_such_path: No.\n")


def test_the_json_form() -> None:
    """The same as one object, with the offset of its time."""
    assert json.loads(told(SERVED._replace(error="x"), json=True)) == {
        "time": "2026-11-21T01:48:10.123+00:00",
        "status": 200,
        "seconds": 0.001234,
        "source": "127.0.0.1",
        "verb": "POST",
        "target": "/path?query",
        "correlationId": "id-1",
        "consumer": "shop",
        "error": "x",
    }
    assert "error" not in json.loads(told(SERVED, json=True))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0000012, "0.001ms"),
        (0.123456, "123.456ms"),
        (1.2345, "1.234s"),
        (60, "1m0s"),
        (65.9, "1m5s"),
        (3602.5, "1h0m2s"),
    ],
)
def test_latency(seconds: float, text: str) -> None:
    """Short times have milliseconds; above a minute whole seconds are enough."""
    assert latency(seconds) == text


@pytest.mark.parametrize(
    ("status", "colour"),
    [(200, "97;42"), (304, "90;47"), (404, "90;43"), (499, "90;43"), (500, "97;41"), (101, "97;41")],
)
def test_status_colours(status: int, colour: str) -> None:
    """Success is green, redirection white, a refusal yellow, the rest red; the verb has a colour too."""
    line = told(SERVED._replace(status=status), colour=True)
    assert f"|\x1b[{colour}m {status} \x1b[0m|" in line
    assert "|\x1b[97;46m POST    \x1b[0m/path?query" in line


def test_skipped_paths() -> None:
    """A skipped path leaves no line, whatever its query; a longer path does."""
    assert told(SERVED._replace(target="/ping?x=1"), skip=("/ping",)) == ""
    assert told(SERVED._replace(target="/ping/x"), skip=("/ping",)) != ""


@pytest.mark.parametrize("as_json", [True, False])
def test_secrets_in_a_query(as_json: bool) -> None:
    """Values of secret parameters are not shown in either form."""
    line = told(SERVED._replace(target="/a?token=hunter2&Password=hunter2&b=1"), json=as_json)
    assert "hunter2" not in line
    assert "/a?token=***&Password=***&b=1" in line


hostile = st.text(st.sampled_from('\r\n\x1b\0\x7f\x85\u2028\u2029\u202e\ud800a |"\\é'), max_size=8)


def test_the_same_path_is_told_the_same() -> None:
    """Again and again, among more others than are remembered; and no secret of a path is ever shown."""
    lines: list[bytes] = []
    log = AccessLines(lines.append)
    secret = "/account;jsessionid=5ecret"
    for target in (secret, "/same", *(f"/other/{number}" for number in range(600)), "/same", secret):
        log.record(SERVED._replace(target=target))
    assert sum(b" /same | " in line for line in lines) == 2
    assert sum(b" /account;jsessionid=*** | " in line for line in lines) == 2


@given(hostile, hostile, hostile, st.booleans())
def test_a_record_is_one_line(target: str, consumer: str, error: str, as_json: bool) -> None:
    """Nothing a stranger sends can break or colour a line."""
    line = told(Access(200, 1, target, consumer or "-", "/" + target, error, consumer, error), json=as_json)
    assert len(line.splitlines()) == 1
    assert line[:-1].isprintable()


def test_a_terminal_has_colours() -> None:
    """Colours need a terminal that is not dumb and an owner who did not decline them."""
    master, terminal = pty.openpty()
    reader, writing = os.pipe()
    try:
        assert wants_colour(terminal, {"TERM": "xterm"})
        assert wants_colour(terminal, {"TERM": "xterm", "NO_COLOR": ""})
        assert not wants_colour(terminal, {"TERM": "xterm", "NO_COLOR": "1"})
        assert not wants_colour(terminal, {"TERM": "dumb"})
        assert not wants_colour(writing, {"TERM": "xterm"})
    finally:
        for fd in (master, terminal, reader, writing):
            os.close(fd)


def test_stamps_follow_the_clock_and_the_zone() -> None:
    """The second is formatted once, milliseconds each time; zones shift the time and show their offset."""
    now = MOMENT
    api, tehran = Stamp(api_form, "UTC", lambda: now), Stamp(rfc3339_form, "Asia/Tehran", lambda: now)
    assert (api(), tehran()) == ("2026-11-21 01:48:10,123", "2026-11-21T05:18:10.123+03:30")
    now += 0.876
    assert api() == "2026-11-21 01:48:10,999"
    now += 0.001
    assert api() == "2026-11-21 01:48:11,000"


def test_every_millisecond_is_told_as_itself() -> None:
    """Floats a little below a millisecond are not told as the one before."""
    now = MOMENT
    stamp = Stamp(api_form, "UTC", lambda: now)
    for ms in range(1000):
        now = int(MOMENT) + ms / 1000
        assert stamp() == f"2026-11-21 01:48:10,{ms:03d}"


def test_local_time_is_the_default() -> None:
    """Without a zone times are those of the machine."""
    local = datetime.fromtimestamp(MOMENT, UTC).astimezone()
    assert Stamp(api_form, clock=lambda: MOMENT)() == local.strftime("%Y-%m-%d %H:%M:%S,123")
