"""A ``curl`` line that calls an operation when it is pasted into a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from pi_server.domain.operation import Operation
from pi_server.web.middleware.token import TOKEN_HEADER
from pi_server.web.route_table import Variable, parse_template

_IN_QUERY = ("GET", "HEAD", "DELETE")


def curl(address: str, operation: Operation, values: Mapping[str, Any], token: str) -> str:
    """The line that asks ``operation`` at ``address`` for ``values``, showing ``token``."""
    rest = dict(values)
    url = address + "".join(f"/{_part(segment, rest)}" for segment in parse_template(operation.path))
    words = ["curl", "-H", f"{TOKEN_HEADER}: {token}"]
    if operation.verb in _IN_QUERY:
        url += f"?{urlencode(rest, doseq=True)}" if rest else ""
        words += _verb(operation.verb, "GET")
    else:
        words += [*_verb(operation.verb, "POST"), "-H", "content-type: application/json", "-d", json.dumps(rest)]
    return shlex.join([*words, url])


def _verb(verb: str, usual: str) -> list[str]:
    if verb == "HEAD":
        return ["--head"]
    return [] if verb == usual else ["-X", verb]


def _part(segment: str | Variable, values: dict[str, Any]) -> str:
    """A segment of the path; a variable takes its value out of ``values``."""
    if isinstance(segment, str):
        return segment
    return quote(str(values.pop(segment.name, segment.name)), safe="/" if segment.rest else "")
