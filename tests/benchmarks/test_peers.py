"""The peers of the benchmark do the same work, or its ratios would mean nothing."""

import json
import re
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from benchmarks.rounds import Contender
from benchmarks.servers import HEADERS, LATEST, ours, peer, stub
from pi_server.testing import api_records, golden_lines

ID = "0123456789abcdef0123456789abcdef"
PEERS = ["aiohttp_peer", "fastapi_peer"]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the provider stub."""
    with stub("rest", tmp_path_factory.mktemp("stub")) as running:
        yield running.request.url


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory, market: str) -> Iterator[tuple[Contender, Path]]:
    """Our server, and the folder of its logs."""
    folder = tmp_path_factory.mktemp("ours")
    with ours(folder, LATEST, market=market) as running:
        yield running, folder / "ours" / "logs"


@pytest.fixture(scope="module", params=PEERS)
def other(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, market: str
) -> Iterator[tuple[Contender, Path]]:
    """One peer, and the folder of its logs."""
    folder = tmp_path_factory.mktemp(request.param)
    with peer(request.param, request.param, folder, market) as running:
        yield running, folder / request.param


def asked(server: Contender, path: str, **headers: str) -> tuple[int, Any, str | None]:
    """Status, body and correlation id of an answer."""
    connection = HTTPConnection(urlsplit(server.request.url).netloc, timeout=5)
    try:
        connection.request("GET", path, headers={"activityid": ID, **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.getheader("activityid")
    finally:
        connection.close()


def lines(folder: Path, log: str, mentioning: str) -> list[str]:
    """The last lines of a log that speak of one call."""
    return [line for line in (folder / log).read_text().splitlines() if mentioning in line]


def test_peers_answer_what_we_answer(mine: tuple[Contender, Path], other: tuple[Contender, Path]) -> None:
    """The same call gets the same status, body and correlation id."""
    here, there = (asked(server, LATEST, **HEADERS) for server, _ in (mine, other))
    assert here == there
    assert here[0] == 200
    assert here[2] == ID


def test_peers_refuse_whom_we_refuse(mine: tuple[Contender, Path], other: tuple[Contender, Path]) -> None:
    """Without the token the answer is the same 401."""
    here, there = (asked(server, LATEST) for server, _ in (mine, other))
    assert here == there
    assert here[0] == 401


@pytest.mark.parametrize("path", ["/api/rates/v1.0/latest/euro", f"{LATEST}?symbols=usd"])
def test_peers_validate_what_we_validate(
    mine: tuple[Contender, Path], other: tuple[Contender, Path], path: str
) -> None:
    """An input that does not fit is the same fault; only we list the details."""
    here, there = (asked(server, path, **HEADERS) for server, _ in (mine, other))
    here[1]["error"].pop("details")
    assert here == there
    assert here[0] == 422


def test_peers_keep_the_same_record(mine: tuple[Contender, Path], other: tuple[Contender, Path]) -> None:
    """Both legs stand in the API log alike, but for the case of header names, which httpx does not keep."""
    call = uuid4().hex
    for server, _ in (mine, other):
        asked(server, LATEST, **HEADERS, activityid=call)
    here, there = (golden_lines(lines(folder, "api.log", call)) for _, folder in (mine, other))
    assert len(here) == 2
    assert [line.casefold() for line in here] == [line.casefold() for line in there]


def test_peers_tell_the_call_once(mine: tuple[Contender, Path], other: tuple[Contender, Path]) -> None:
    """One access line for each call, with the same fields."""
    call = uuid4().hex
    for server, _ in (mine, other):
        asked(server, LATEST, **HEADERS, activityid=call)
    shapes: list[list[str]] = []
    for _, folder in (mine, other):
        (line,) = _eventually(folder, call)
        shapes.append(re.sub(r"\d{4}/\S+ - \S+|\d+\.\d+ms", "", line).split())
    assert shapes[0] == shapes[1]


def _eventually(folder: Path, call: str) -> list[str]:
    """Our access log is written a moment later."""
    end = time.monotonic() + 30
    while not (found := lines(folder, "access.log", call)) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def test_records_come_in_pairs(mine: tuple[Contender, Path]) -> None:
    """What was measured was on record: every request record has its response record."""
    asked(mine[0], LATEST, **HEADERS)
    flows = [record.flow for record in api_records(mine[1] / "api.log")]
    assert flows.count("REQUEST_OUT_PI") == flows.count("RESPONSE_IN_PI") > 0
