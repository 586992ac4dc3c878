"""What a consumer sends is answered through the chain, and cannot write, slow or fake a log."""

import asyncio
from urllib.parse import quote

import pytest

from pi_server import Call, Service, get, post
from pi_server.audit.mask import Mask
from pi_server.testing import Serve, Served
from tests.parts.effort import assert_linear

FORGED = "\r\n[2026-01-01 00:00:00,000] ERROR forged\x1b[31m\u2028\u202e"


class Failing(Service):
    """Has a bug."""

    root = "/failing"

    @get("/{what}", public=True)
    async def fail(self, call: Call, what: str) -> None:
        """Fail with what the consumer gave."""
        raise ValueError(f"cannot do {what}")

    @post("/wanted", public=True)
    async def wanted(self, call: Call, number: int) -> int:
        """Take one field."""
        return number


async def _raw(served: Served, request: bytes) -> bytes:
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


@pytest.mark.parametrize("expected", [b"200-ok", b"\xff", b"100-continue"])
async def test_an_unknown_expectation_is_ignored(serve: Serve, expected: bytes) -> None:
    """No 417 or 500 of the carrier's own: the call passes the chain like any other."""
    async with serve(Failing) as served:
        head = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\nactivityid: expects\r\nExpect: "
        answer = await _raw(served, head + expected + b"\r\n\r\n")
    assert b"HTTP/1.1 404 " in answer
    assert b"activityid: expects" in answer
    assert (b"HTTP/1.1 100 Continue" in answer) == (expected == b"100-continue")


async def test_foreign_text_cannot_begin_a_record_of_the_error_log(serve: Serve) -> None:
    """Path and exception text are escaped, and lines of a trace are indented."""
    async with serve(Failing) as served:
        async with served.session.get(f"/failing/{quote(FORGED, safe='')}") as response:
            assert response.status == 500
        text = (served.logs / "error.log").read_text(encoding="utf-8")
    assert "forged" in text
    assert all(line.isprintable() for line in text.split("\n"))
    assert not [line for line in text.split("\n") if line.startswith("[2026-01-01")]


async def test_a_consumer_cannot_fill_the_access_log_with_names_of_fields(serve: Serve) -> None:
    """A line tells the beginning of what was wrong with an input, and how much there was."""
    async with serve(Failing) as served:
        body = {"number": 1, "k" * 500_000: 1, **{f"k{n}": 1 for n in range(5000)}}
        async with served.session.post("/failing/wanted", json=body) as response:
            assert response.status == 422
        line = (await served.access_log())[0]
    assert len(line) < 2000
    assert "5001 in all" in line


@pytest.mark.parametrize("envelope", ["semantic", "problem", "compat"])
async def test_names_of_fields_do_not_come_back_as_a_large_answer(serve: Serve, envelope: str) -> None:
    """At most a hundred details are told, each cut, and then how many more there are."""
    async with serve(Failing, config={"server": {"envelope": envelope}}) as served:
        body = {"number": 1, "k" * 500_000: 1, **{f"k{n}": 1 for n in range(5000)}}
        async with served.session.post("/failing/wanted", json=body) as response:
            text = await response.text()
    assert len(text) < 20_000
    assert "k" * 150 in text
    assert "k" * 201 not in text
    assert "4901 more" in text


def test_the_mask_of_a_path_takes_linear_time() -> None:
    """Once a path of colons held up the event loop for half a second."""
    mask = Mask()
    assert_linear(lambda: mask.query("/x@://" + "a:" * 5000), lambda: mask.query("/x@://" + "a:" * 40_000), 8)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a;jsessionid=s3cret?b=1", "/a;jsessionid=***?b=1"),
        ("/a/password=s3cret", "/a/password=***"),
        ("http://bob:s3:c@ret@bank/ws", "http://***@bank/ws"),
        ("/a;v=1/b", "/a;v=1/b"),
    ],
)
def test_secrets_in_a_path_are_masked(target: str, shown: str) -> None:
    """Matrix parameters and user information, as well as the query."""
    assert Mask().query(target) == shown
