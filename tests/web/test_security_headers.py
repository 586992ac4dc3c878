"""What every answer tells browsers."""

import pytest

from pi_server import Call, Fault, Reply, Service, get
from pi_server.web.middleware.options import options
from pi_server.web.middleware.security_headers import security_headers
from tests.web.chained import chained

ALWAYS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Desk(Service):
    """Answers in every way there is."""

    root = "/desk"

    @get("/read", public=True)
    async def read(self, call: Call) -> str:
        """Read."""
        return "note"

    @get("/nothing", public=True)
    async def nothing(self, call: Call) -> None:
        """Answer without content."""

    @get("/own", public=True)
    async def own(self, call: Call) -> Reply[str]:
        """Answer with values of its own."""
        return Reply("x", headers={"cache-control": "max-age=60", "Content-Security-Policy": "default-src 'self'"})

    @get("/fault", public=True)
    async def fault(self, call: Call) -> None:
        """Refuse."""
        raise Fault("closed", 409, "Closed.")

    @get("/breaks", public=True)
    async def breaks(self, call: Call) -> None:
        """Fail."""
        raise RuntimeError

    @get("/splits", public=True)
    async def splits(self, call: Call) -> Reply[str]:
        """Try to send a header of its own in the middle of another one's value."""
        return Reply("x", headers={"x-note": "a\r\nset-cookie: b=c"})


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/desk/read", 200),
        ("HEAD", "/desk/read", 200),
        ("GET", "/desk/nothing", 204),
        ("GET", "/desk/fault", 409),
        ("GET", "/desk/breaks", 500),
        ("GET", "/desk/splits", 500),
        ("POST", "/desk/read", 405),
        ("OPTIONS", "/desk/read", 204),
        ("TRACE", "/desk/read", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/desk/read?x=1", 422),
    ],
)
@pytest.mark.parametrize("secure", [True, False])
async def test_every_answer_has_them(verb: str, path: str, status: int, secure: bool) -> None:
    """Answers, faults and refusals; HSTS only behind TLS."""
    async with chained(Desk(), outside=(security_headers(secure),), inside=(options,)) as desk:
        got, headers, body = await desk.ask(verb, path)
    assert got == status
    assert ALWAYS.items() <= headers.items()
    assert ("strict-transport-security" in headers) is secure
    assert "set-cookie" not in headers
    assert body or verb == "HEAD" or status == 204


async def test_bytes_that_are_no_http_are_answered_with_them() -> None:
    """There is no answer without."""
    async with chained(Desk(), outside=(security_headers(True),)) as desk:
        answer = (await desk.raw(b"\x16\x03\x01 nonsense\r\n\r\n")).lower()
    assert b" 400 " in answer.splitlines()[0]
    for name, value in ALWAYS.items():
        assert f"\r\n{name}: {value}\r\n".encode() in answer


async def test_an_answers_own_values_win() -> None:
    """Set once, whatever the spelling; the others are added all the same."""
    async with chained(Desk(), outside=(security_headers(False),)) as desk:
        _, headers, _ = await desk.ask("GET", "/desk/own")
        answer = await desk.raw(b"GET /desk/own HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert headers["cache-control"] == "max-age=60"
    assert headers["content-security-policy"] == "default-src 'self'"
    assert headers["x-content-type-options"] == "nosniff"
    assert answer.lower().count(b"cache-control:") == 1
