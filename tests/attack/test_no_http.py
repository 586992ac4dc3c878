"""What never becomes a call is refused in the server's own words: its envelope, its id, its log, its name."""

import asyncio
import json

import pytest

from pi_server import Call, Service, get
from pi_server.testing import Serve, Served

HOST = b"Host: x\r\n"
NO_HTTP = {
    "tls": b"\x16\x03\x01s3cret\r\n\r\n",
    "nul": b"GET /calm HTTP/1.1\r\nHost: x\r\nx-srv-token: s3c\x00ret\r\n\r\n",
    "no host": b"GET /s3cret HTTP/1.1\r\n\r\n",
    "long": b"GET /s3cret%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 20_000),
    "smuggled": b"POST /calm HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}
NO_PATH = {
    "CONNECT": b"CONNECT bank:443 HTTP/1.1\r\nHost: bank\r\nConnection: close\r\n\r\n",
    "GET": b"GET http://bank HTTP/1.1\r\nHost: bank\r\nConnection: close\r\n\r\n",
}


class Calm(Service):
    """Answers."""

    root = "/calm"

    @get("", public=True)
    async def calm(self, call: Call) -> str:
        """Answer."""
        return "calm"


async def _raw(served: Served, *requests: bytes) -> bytes:
    """All bytes answered until the server closes the connection."""
    host, _, port = served.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for request in requests:
            writer.write(request)
            await asyncio.sleep(0.05)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


def _parted(answer: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """Status line, headers by lower-case name, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status.encode(), {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body


@pytest.mark.parametrize("sent", NO_HTTP)
async def test_bytes_that_are_no_http_are_refused_in_the_envelope(serve: Serve, sent: str) -> None:
    """400 with an id, on a connection that closes; one line in one log; nothing of what was sent is repeated."""
    async with serve(Calm) as served:
        answer = await _raw(served, NO_HTTP[sent])
        lines = await served.access_log()
        told = (served.logs / "error.log").read_text()
    status, headers, body = _parted(answer)
    error, correlation_id = json.loads(body)["error"], headers["activityid"]
    assert b" 400 " in status
    assert (error["code"], json.loads(body)["correlationId"]) == ("malformed_request", correlation_id)
    assert headers["server"] == "pi-server"
    assert (len(lines), told) == (1, "")
    assert "| 400 |" in lines[0]
    assert f"| -       - | {correlation_id} | - | 400 malformed_request" in lines[0]
    assert b"s3c" not in answer
    assert b"aiohttp" not in answer


async def test_the_refusal_is_in_the_configured_envelope(serve: Serve) -> None:
    """As for every path that belongs to no service."""
    async with serve(Calm, config={"server": {"envelope": "problem"}}) as served:
        _, headers, body = _parted(await _raw(served, NO_HTTP["tls"]))
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["code"] == "malformed_request"


async def test_garbage_after_a_call_does_not_harm_its_answer(serve: Serve) -> None:
    """On a connection that was kept alive the call is answered, then the garbage is refused."""
    async with serve(Calm) as served:
        answer = await _raw(served, b"GET /calm HTTP/1.1\r\n%b\r\n" % HOST, NO_HTTP["tls"])
        lines = await served.access_log(2)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"malformed_request"' in answer
    assert ["| 200 |" in lines[0], "| 400 |" in lines[1]] == [True, True]


@pytest.mark.parametrize("verb", NO_PATH)
async def test_a_request_without_a_path_passes_the_chain(serve: Serve, verb: str) -> None:
    """No tunnel, and no bare 404 either."""
    async with serve(Calm) as served:
        status, headers, body = _parted(await _raw(served, NO_PATH[verb]))
        lines = await served.access_log()
    assert b" 404 " in status
    assert json.loads(body)["error"]["code"] == "no_such_path"
    assert headers["server"] == "pi-server"
    assert [headers["activityid"] in line and verb in line for line in lines] == [True]


@pytest.mark.parametrize("path", ["/ping", "/openapi.json", "/openapi/calm.json", "/docs", "/docs/docs.css", "/none"])
@pytest.mark.parametrize("verb", ["GET", "HEAD", "POST"])
async def test_no_answer_tells_what_the_server_runs_on(serve: Serve, verb: str, path: str) -> None:
    """The core's own pages and every refusal name the server and no library."""
    async with (
        serve(Calm, config={"docs": "public"}) as served,
        served.session.request(verb, path) as response,
    ):
        assert response.headers.getall("Server") == ["pi-server"]
