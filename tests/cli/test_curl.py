"""The line that is there to be pasted."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from pi_server.cli.curl import curl
from pi_server.domain.operation import Operation


async def _nothing() -> None: ...


def words(verb: Any, path: str, values: dict[str, Any]) -> list[str]:
    """What a shell makes of the line for an operation."""
    return shlex.split(curl("http://h:1", Operation(verb=verb, path=path, name="o", method=_nothing), values, "t"))


def test_a_body_goes_as_json() -> None:
    """What the path does not take is the body, whatever characters it holds."""
    line = words("POST", "/a/{id}/b", {"id": "x/y z", "text": "it's $HOME \"`"})
    assert line[:6] == ["curl", "-H", "x-srv-token: t", "-H", "content-type: application/json", "-d"]
    assert json.loads(line[6]) == {"text": "it's $HOME \"`"}
    assert line[7] == "http://h:1/a/x%2Fy%20z/b"


def test_a_query_repeats_its_lists() -> None:
    """For GET the rest is the query; a rest variable keeps its slashes."""
    line = words("GET", "/a/{id:[0-9]+}/{rest:*}", {"id": 7, "rest": "b/c", "s": ["x", "&"]})
    assert line == ["curl", "-H", "x-srv-token: t", "http://h:1/a/7/b/c?s=x&s=%26"]


@pytest.mark.parametrize(
    ("verb", "option"), [("PUT", ["-X", "PUT"]), ("DELETE", ["-X", "DELETE"]), ("HEAD", ["--head"])]
)
def test_other_verbs_are_named(verb: str, option: list[str]) -> None:
    """A verb that curl would not choose by itself is asked for."""
    assert words(verb, "/a", {})[3 : 3 + len(option)] == option
