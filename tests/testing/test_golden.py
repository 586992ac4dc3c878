"""Reading the API log in tests."""

from pathlib import Path

import pytest

from pi_server.testing import api_records, assert_pairs, golden_lines


def line(flow: str, id_: str = "a1", endpoint: str = "http://127.0.0.1:4711/ws", **more: str) -> str:
    """A line as the API log writes it."""
    date = more.get("date", "Sat, 17 Jun 2023 16:19:27 GMT")
    status = '"statusCode": 200, ' if flow == "RESPONSE_IN_PI" else ""
    return (
        f'[{more.get("stamp", "2026-11-21 01:48:10,123")}] INFO {{API_LOG}} {{"headers": ["Date={date}", '
        f'"activityid={id_}"], "payload": "[2026-11-21 01:48:10,123]", "verb": "POST", "correlationId": "{id_}", '
        f'{status}"apiTo": "api/x", "flow": "{flow}", "endpoint": "{endpoint}", "endpointName": "bank", '
        f'"endpointCompany": "core bank", "apiName": "x"}}'
    )


ASKED, ANSWERED = line("REQUEST_OUT_PI"), line("RESPONSE_IN_PI")


def test_records_are_read_from_a_file_or_lines(tmp_path: Path) -> None:
    """Both give the same, in the order of the log; separators within a payload end no line."""
    odd = ANSWERED.replace("core bank", "core\u2028bank")
    file = tmp_path / "api.log"
    file.write_text(f"{ASKED}\n{odd}\n", encoding="utf-8")
    records = api_records(file)
    assert records == api_records([ASKED, odd])
    assert [record.flow for record in records] == ["REQUEST_OUT_PI", "RESPONSE_IN_PI"]
    assert [record.status for record in records] == [None, 200]


def test_a_line_of_another_log_is_no_record() -> None:
    """What is not an API-log line is not passed over in silence."""
    with pytest.raises(ValueError, match="API-log"):
        api_records([ASKED, "something else"])


def test_pairs_may_be_interleaved() -> None:
    """Calls overlap, and one call may ask the same endpoint again."""
    other = [line(flow, "b2") for flow in ("REQUEST_OUT_PI", "RESPONSE_IN_PI")]
    assert_pairs(api_records([ASKED, other[0], ANSWERED, ASKED, other[1], ANSWERED]))
    assert_pairs([])


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([ASKED], "request records without a response record: 1x a1 bank"),
        ([ASKED, ASKED, ANSWERED, ASKED], "2x a1 bank"),
        ([ANSWERED, ASKED], "a response record without a request record before it: a1 bank"),
        ([ASKED, ANSWERED, ANSWERED], "a response record without a request record before it"),
        ([ASKED, line("RESPONSE_IN_PI", "b2")], "before it: b2 bank"),
        ([ASKED, line("RESPONSE_IN_PI", endpoint="http://elsewhere")], "before it: a1 bank http://elsewhere"),
    ],
)
def test_what_is_no_pair_fails(lines: list[str], reason: str) -> None:
    """One request, then one response, of the same call and endpoint: anything else is told."""
    with pytest.raises(AssertionError, match=reason):
        assert_pairs(api_records(lines))


def test_golden_lines_are_equal_from_run_to_run() -> None:
    """Times, ids and named texts are replaced; nothing else changes."""
    runs = [
        [line("REQUEST_OUT_PI", id_, f"http://127.0.0.1:{port}/ws", stamp=stamp, date=stamp) for id_ in ids]
        for ids, port, stamp in (("cd", 4711, "2026-11-21 01:48:10,123"), ("ef", 815, "2027-01-01 00:00:00,000"))
    ]
    first, second = (
        golden_lines(lines, {f":{port}/": ":PORT/"}) for lines, port in zip(runs, (4711, 815), strict=True)
    )
    assert first == second
    assert first[1] == line("REQUEST_OUT_PI", "ID-2", "http://127.0.0.1:PORT/ws", stamp="TIME", date="TIME")


def test_golden_lines_show_a_difference() -> None:
    """A single byte that is not a time or an id makes a difference."""
    assert golden_lines([ASKED]) != golden_lines([ASKED.replace('"verb": ', '"verb":')])
