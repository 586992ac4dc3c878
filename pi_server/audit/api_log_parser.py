"""Reads API-log lines: ours, and those older programs left behind."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from json import JSONDecodeError, loads
from typing import Any

_LINE = re.compile(r"\[(?P<stamp>[^\]]+)\]\s+(?P<level>[A-Z]+)\s+\{API_LOG\}\s+(?P<fields>\{.*\})\s*", re.DOTALL)
_TYPOGRAPHIC = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u2033", '"') | dict.fromkeys("\u2018\u2019\u2032", "'"))
_UNOPENED = re.compile(r'(?<=[{,])(\s*)([A-Za-z]+)":')


@dataclass(frozen=True, slots=True)
class Record:
    """One line, taken apart; ``fields`` keeps the order of the line."""

    stamp: str
    level: str
    fields: Mapping[str, Any]

    @property
    def flow(self) -> str:
        """``REQUEST_OUT_PI`` or ``RESPONSE_IN_PI``."""
        return str(self.fields["flow"])

    @property
    def correlation_id(self) -> str:
        """What ties it to the other records of its call."""
        return str(self.fields["correlationId"])

    @property
    def payload(self) -> str:
        """The body."""
        return str(self.fields["payload"])

    @property
    def status(self) -> int | None:
        """The status code, written as a number or as text; None in a request record."""
        written = self.fields.get("statusCode")
        return None if written is None else int(written)


def parse_line(line: str) -> Record:
    """Take one line apart.

    Lines of the old template are read too: typographic quotes, a name without its opening quote, a quoted status code.

    Raises:
        ValueError: it is not an API-log line.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("this is not an API-log line")
    return Record(match["stamp"], match["level"], _fields(match["fields"]))


def _fields(text: str) -> Mapping[str, Any]:
    try:
        fields: dict[str, Any] = loads(text)
    except JSONDecodeError:
        fields = loads(_UNOPENED.sub(r'\1"\2":', text.translate(_TYPOGRAPHIC)))
    return fields
