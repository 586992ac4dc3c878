"""Reading the API log in tests: as records, as pairs, and as lines that compare equal from run to run."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from pi_server.audit.api_log_parser import Record, parse_line

_STAMP = re.compile(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]")
_DATE = re.compile(r'"Date=[^"]*"', re.IGNORECASE)
_NOTHING: Mapping[str, str] = MappingProxyType({})


def api_records(log: Path | Iterable[str]) -> list[Record]:
    """The records of an API log, given as its file or as its lines.

    Raises:
        ValueError: a line is not an API-log line.
    """
    lines = log.read_text(encoding="utf-8").split("\n") if isinstance(log, Path) else log
    return [parse_line(line) for line in lines if line]


def assert_pairs(records: Iterable[Record]) -> None:
    """Each request record has exactly one response record, later, of the same call and endpoint.

    Raises:
        AssertionError: naming what is left open, or was answered without being asked.
    """
    still_open: Counter[tuple[str, str, str]] = Counter()
    for record in records:
        key = (record.correlation_id, str(record.fields["endpointName"]), str(record.fields["endpoint"]))
        still_open[key] += {"REQUEST_OUT_PI": 1, "RESPONSE_IN_PI": -1}[record.flow]
        if still_open[key] < 0:
            raise AssertionError(f"a response record without a request record before it: {' '.join(key)}")
    if left := [f"{count}x {' '.join(key)}" for key, count in still_open.items() if count]:
        raise AssertionError(f"request records without a response record: {'; '.join(left)}")


def golden_lines(lines: Iterable[str], replace: Mapping[str, str] = _NOTHING) -> list[str]:
    """API-log lines with what differs from run to run replaced, the rest byte for byte.

    Times become ``TIME``, correlation ids ``ID-1``, ``ID-2`` ... in order of appearance; ``replace`` adds texts of
    your own, such as a port.

    Raises:
        ValueError: a line is not an API-log line.
    """
    ids: dict[str, str] = {}
    return [_golden(line, ids, replace) for line in lines]


def _golden(line: str, ids: dict[str, str], replace: Mapping[str, str]) -> str:
    id_ = parse_line(line).correlation_id
    mine = ids.setdefault(id_, f"ID-{len(ids) + 1}")
    line = _DATE.sub('"Date=TIME"', _STAMP.sub("[TIME]", line.rstrip("\n")))
    if id_:
        line = re.sub(rf"(?<![\w-]){re.escape(id_)}(?![\w-])", mine, line)  # also in a header, but not within a word
    for old, new in replace.items():
        line = line.replace(old, new)
    return line
