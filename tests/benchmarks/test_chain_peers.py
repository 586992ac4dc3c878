"""The peers of the chain do the same work as ours, or its ratios would mean nothing."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from benchmarks.credentials import KEY, USER, token
from benchmarks.doors import PEERS, Door, ours, peer
from benchmarks.order import BODY

ID = "0123456789abcdef0123456789abcdef"
SERVERS = ["pi_server", *PEERS]


def opened(name: str, folder: Path) -> AbstractContextManager[Door]:
    """Ours or a peer."""
    return ours(folder) if name == "pi_server" else peer(folder, name)


@pytest.fixture(scope="module", params=SERVERS)
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One server after the other."""
    with opened(request.param, tmp_path_factory.mktemp("door")) as running:
        yield running


def asked(door: Door, path: str, body: str | None = None, **headers: str) -> tuple[int, Any, str | None]:
    """Status, body and correlation id of an answer."""
    place = urlsplit(door.address)
    connection = HTTPConnection(place.netloc, timeout=5)
    try:
        kind = {"Content-Type": "application/json"} if body else {}
        told = {"activityid": ID, **kind, **headers}
        connection.request("POST" if body else "GET", place.path + path, body, told)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.getheader("activityid")
    finally:
        connection.close()


def bearer(shown: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {shown}"}


def test_a_good_token_is_answered(door: Door) -> None:
    """Whoever shows one is told who they are, with a session or without."""
    wanted = (200, {"data": {"user": USER}, "correlationId": ID}, ID)
    assert asked(door, "/pong", **bearer(token())) == wanted
    assert asked(door, "/pong", **bearer(token()), Cookie=door.login()) == wanted


@pytest.mark.parametrize("path", ["/pong", "/session"])
@pytest.mark.parametrize(
    "headers",
    [{}, bearer("a.b.c"), bearer(token(KEY[::-1])), bearer(token()[:-4] + "AAAA")],
    ids=["none", "nonsense", "another key", "another signature"],
)
def test_a_bad_token_is_refused(door: Door, path: str, headers: dict[str, str]) -> None:
    """A token that is none, or signed by somebody else, is the same 401."""
    error = {"code": "unauthenticated", "message": "This operation needs a valid credential."}
    assert asked(door, path, **headers) == (401, {"error": error, "correlationId": ID}, ID)


def test_a_session_is_opened(door: Door) -> None:
    """The session's user is in the cookie; without one, or with a changed one, there is nobody."""
    cookie = door.login()
    assert asked(door, "/session", **bearer(token()), Cookie=cookie) == (
        200,
        {"data": {"user": USER}, "correlationId": ID},
        ID,
    )
    name, _, value = cookie.partition("=")
    changed = f"{name}={value[:40]}{'A' if value[40] != 'A' else 'B'}{value[41:]}"
    assert asked(door, "/session", **bearer(token()))[0] == 401
    assert asked(door, "/session", **bearer(token()), Cookie=changed)[0] == 401


def test_an_order_is_validated(door: Door) -> None:
    """One that fits is taken; one that does not is told of in the same envelope."""
    order = json.loads(BODY)
    data = {"reference": order["reference"], "lines": len(order["lines"])}
    assert asked(door, "/orders", BODY) == (200, {"data": data, "correlationId": ID}, ID)
    order["lines"][0]["quantity"] = 0
    status, body, _ = asked(door, "/orders", json.dumps(order))
    assert (status, body["error"]["code"], body["correlationId"]) == (422, "invalid_input", ID)


def test_a_call_is_told_once(door: Door) -> None:
    """One access line for each, with the consumer's name."""
    call = uuid4().hex
    asked(door, "/pong", **bearer(token()), activityid=call)
    (line,) = _eventually(door.log, call)
    assert " 200 " in line
    assert line.endswith(USER)


def _eventually(log: Path, call: str) -> list[str]:
    """Our access log is written a moment later."""
    end = time.monotonic() + 30
    while not (found := [line for line in log.read_text().splitlines() if call in line]) and time.monotonic() < end:
        time.sleep(0.02)
    return found
