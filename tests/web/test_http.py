"""The inbound side over HTTP: routing, the chain, input, answers and refusals."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pi_server.testing import Serve, Served
from tests.parts.waiting import until
from tests.web.shop import Inner, Nap, Shop

JSON = {"content-type": "application/json"}


@pytest.fixture
async def shop(serve: Serve) -> AsyncIterator[Served]:
    """The shop, served."""
    async with serve(Shop(inner=Inner()), config={"server": {"body_limit": 2000}}) as served:
        yield served


async def _ask(shop: Served, verb: str, path: str, **given: Any) -> tuple[int, Any, dict[str, str]]:
    async with shop.session.request(verb, path, **given) as response:
        text = await response.text()
        body = json.loads(text) if "json" in response.headers.get("Content-Type", "") and text else text
        return response.status, body, {key.lower(): value for key, value in response.headers.items()}


async def test_an_order_comes_back_in_the_envelope(shop: Served) -> None:
    """Typed input, typed output, exact decimals as strings, the correlation id in body and header."""
    status, body, headers = await _ask(
        shop, "POST", "/api/shop/orders", data='{"account": "1", "amount": 10.10}', headers={**shop.headers, **JSON}
    )
    assert status == 200
    assert body == {"data": {"account": "1", "amount": "10.10"}, "correlationId": headers["activityid"]}
    assert headers["content-type"] == "application/json"
    assert headers["server"] == "pi-server"


async def test_middlewares_run_from_server_to_service_to_operation(shop: Served) -> None:
    """The operation's middleware is inside the service's."""
    _, _, headers = await _ask(
        shop, "POST", "/api/shop/orders", json={"account": "1", "amount": 1}, headers=shop.headers
    )
    assert headers["x-passed"] == "service,operation,"


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/api/shop/orders/7?full=true", {"id": 7, "full": True}),
        ("/api/shop/orders/7/", {"id": 7, "full": False}),
        ("/api/shop/files/a/b.txt", "a/b.txt"),
    ],
)
async def test_paths_and_queries_reach_the_operation(shop: Served, path: str, data: object) -> None:
    """Variables, regexes, the rest of a path; a trailing slash changes nothing and redirects nowhere."""
    status, body, _ = await _ask(shop, "GET", path, allow_redirects=False)
    assert (status, body["data"]) == (200, data)


async def test_a_nested_service_is_mounted_below_its_field(shop: Served) -> None:
    """A field that is a service answers below its parent."""
    status, body, headers = await _ask(shop, "GET", "/api/shop/inner/deep")
    assert (status, body["data"]) == (200, headers["activityid"])


async def test_a_reply_has_its_own_status_headers_and_type(shop: Served) -> None:
    """Reply sets status and headers; the first type produced is the default, another is given when asked for."""
    status, _, headers = await _ask(shop, "GET", "/api/shop/versioned")
    assert (status, headers["x-own"], headers["content-type"]) == (203, "yes", "application/vnd.shop.v2+json")
    accept = {"accept": "text/html;q=0.9, application/json, */*;q=0.1"}
    _, _, headers = await _ask(shop, "GET", "/api/shop/versioned", headers=accept)
    assert headers["content-type"] == "application/json"


async def test_nothing_is_answered_without_content(shop: Served) -> None:
    """None becomes 204; HEAD is answered like GET, without a body."""
    assert (await _ask(shop, "GET", "/api/shop/nothing"))[:2] == (204, "")
    status, body, headers = await _ask(shop, "HEAD", "/api/shop/orders/7")
    assert (status, body) == (200, "")
    assert int(headers["content-length"]) > 0


async def test_a_form_is_taken_where_it_is_consumed(shop: Served) -> None:
    """The fields of a form go through the same model."""
    status, body, _ = await _ask(shop, "POST", "/api/shop/form", data={"account": "1", "amount": "1.50"})
    assert (status, body["data"]) == (200, {"account": "1", "amount": "1.50"})
    assert (await _ask(shop, "POST", "/api/shop/form", data=[("account", "1"), ("account", "2")]))[0] == 400


FULL = json.dumps({"account": "1", "amount": 1})
REFUSALS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/elsewhere", {}, 404, "no_such_path"),
    ("GET", "/api/shop/elsewhere", {}, 404, "no_such_path"),
    ("GET", "/api/shop/orders/seven", {}, 404, "no_such_path"),
    ("GET", "/api/shop/orders/%ff", {}, 404, "no_such_path"),
    ("DELETE", "/api/shop/orders", {}, 405, "method_not_allowed"),
    ("TRACE", "/api/shop/orders", {}, 405, "method_not_allowed"),
    ("GET", "/api/shop/versioned", {"headers": {"accept": "text/html"}}, 406, "not_acceptable"),
    ("GET", "/api/shop/versioned", {"headers": {"accept": "application/json;q=0"}}, 406, "not_acceptable"),
    (
        "POST",
        "/api/shop/orders",
        {"data": FULL, "headers": {"content-type": "text/plain"}},
        415,
        "unsupported_media_type",
    ),
    ("POST", "/api/shop/orders", {"data": FULL.encode()}, 415, "unsupported_media_type"),
    (
        "POST",
        "/api/shop/orders",
        {"data": FULL, "headers": {"content-type": "application/json; charset=latin-1"}},
        415,
        "unsupported_media_type",
    ),
    (
        "POST",
        "/api/shop/orders",
        {"data": gzip.compress(FULL.encode()), "headers": {**JSON, "content-encoding": "gzip"}},
        415,
        "unsupported_media_type",
    ),
    ("POST", "/api/shop/orders", {"data": "{", "headers": JSON}, 400, "invalid_syntax"),
    ("POST", "/api/shop/orders", {"data": b"\xff", "headers": JSON}, 400, "invalid_syntax"),
    ("POST", "/api/shop/orders", {"data": "[" * 40 + "]" * 40, "headers": JSON}, 400, "invalid_syntax"),
    ("POST", "/api/shop/orders", {"data": '{"account": NaN}', "headers": JSON}, 400, "invalid_syntax"),
    ("POST", "/api/shop/orders", {"data": '{"a": 1, "a": 1}', "headers": JSON}, 400, "invalid_syntax"),
    ("POST", "/api/shop/orders", {"data": "", "headers": JSON}, 422, "invalid_input"),
    ("POST", "/api/shop/orders", {"json": {}}, 422, "invalid_input"),
    ("POST", "/api/shop/orders", {"json": {"account": 1, "amount": "1e999999999", "x": 0}}, 422, "invalid_input"),
    ("POST", "/api/shop/orders", {"data": "x" * 3000, "headers": JSON}, 413, "body_too_large"),
    ("GET", "/api/shop/orders/7?full=maybe", {}, 422, "invalid_input"),
    ("GET", "/api/shop/orders/7?full=1&full=1", {}, 422, "invalid_input"),
    ("GET", "/api/shop/orders/7?unknown=1", {}, 422, "invalid_input"),
    ("GET", "/api/shop/orders/" + "9" * 5000, {}, 422, "invalid_input"),
    ("GET", "/api/shop/refuses", {}, 409, "closed"),
    ("GET", "/api/shop/breaks", {}, 500, "internal"),
    ("GET", "/api/shop/lies", {}, 500, "internal"),
    ("GET", "/api/shop/own-timeout", {}, 500, "internal"),
    ("GET", "/api/shop/sleeps", {}, 504, "timeout"),
    ("GET", "/api/shop/forbidden-by-http", {}, 403, "http"),
]


@pytest.mark.parametrize(("verb", "path", "given", "status", "code"), REFUSALS)
async def test_each_refusal_is_one_envelope_and_one_line(
    shop: Served, verb: str, path: str, given: dict[str, Any], status: int, code: str
) -> None:
    """Every failure has its status, its code, the correlation id in body and header, and one access line."""
    headers = {**shop.headers, **given.pop("headers", {})} if verb == "POST" else given.pop("headers", {})
    got, body, answered = await _ask(shop, verb, path, headers=headers, **given)
    assert (got, body["error"]["code"]) == (status, code)
    assert body["correlationId"] == answered["activityid"]
    assert "Traceback" not in str(body)
    lines = await shop.access_log()
    assert [body["correlationId"] in line for line in lines] == [True]
    given.clear()


async def test_a_wrong_verb_names_the_right_ones(shop: Served) -> None:
    """405 carries Allow."""
    _, _, headers = await _ask(shop, "DELETE", "/api/shop/orders")
    assert headers["allow"] == "OPTIONS, POST"
    _, _, headers = await _ask(shop, "POST", "/api/shop/orders/7")
    assert headers["allow"] == "GET, HEAD, OPTIONS"


async def test_what_broke_is_in_the_log_and_not_in_the_answer(shop: Served) -> None:
    """An undeclared exception is a bare 500 outside, and a masked trace with the correlation id inside."""
    _, body, _ = await _ask(shop, "GET", "/api/shop/breaks")
    told = (shop.logs / "error.log").read_text()
    assert "hunter2" not in json.dumps(body) + told
    assert body["correlationId"] in told
    assert "RuntimeError" in told


@pytest.mark.parametrize("token", [None, "", "wrong", "é", "\udcff", "x" * 6000])
async def test_without_a_known_token_nobody_gets_in(shop: Served, token: str | None) -> None:
    """Missing, wrong and non-ASCII tokens are the same refusal, and none is repeated anywhere."""
    raw = b"" if token is None else b"x-srv-token: " + token.encode("utf-8", "surrogateescape") + b"\r\n"
    answer = await _raw(shop, b"GET /api/shop/who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + raw + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "unauthenticated"
    assert not token or token.encode("utf-8", "surrogateescape") not in answer


async def test_two_tokens_at_once_are_refused(shop: Served) -> None:
    """Which of the two would count is nobody's guess."""
    token = shop.headers["x-srv-token"].encode()
    twice = b"x-srv-token: " + token + b"\r\n"
    answer = await _raw(shop, b"GET /api/shop/who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + twice * 2 + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_the_call_knows_its_consumer(shop: Served) -> None:
    """Name, kind and address reach the operation; the name is in the access log."""
    _, body, _ = await _ask(shop, "GET", "/api/shop/who", headers=shop.headers)
    assert body["data"] == {"consumer": "test", "kind": "token", "source": "127.0.0.1"}
    assert (await shop.access_log())[0].rstrip().endswith("| test")


async def test_a_consumer_needs_the_operations_scope(serve: Serve) -> None:
    """A known consumer without the scope is forbidden."""
    async with serve(Shop(inner=Inner()), config={"tokens": {"test": {"scopes": ["other"]}}}) as shop:
        status, body, _ = await _ask(
            shop, "POST", "/api/shop/orders", json={"account": "1", "amount": 1}, headers=shop.headers
        )
    assert (status, body["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"activityid": "abc-1"}, "abc-1"),
        ({"ActivityID": "abc-1", "X-Request-ID": "other"}, "abc-1"),
        ({"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"}, "c-1"),
        ({"X-Request-ID": "r-1"}, "r-1"),
        (
            {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ({"activityid": "a b"}, None),
        ({"activityid": "x" * 65}, None),
        ({"activityid": "id;DROP"}, None),
        ({"traceparent": "nonsense!"}, None),
        ({}, None),
    ],
)
async def test_the_correlation_id_is_the_consumers_if_it_is_safe(
    shop: Served, headers: dict[str, str], expected: str | None
) -> None:
    """The first header that is there counts; an unsafe value is replaced by a new id."""
    _, body, answered = await _ask(shop, "GET", "/api/shop/orders/7", headers=headers)
    assert body["correlationId"] == answered["activityid"]
    if expected is None:
        assert re.fullmatch("[0-9a-f]{32}", answered["activityid"])
    else:
        assert answered["activityid"] == expected


@pytest.mark.parametrize(
    ("envelope", "path", "status", "body"),
    [
        ("compat", "/api/shop/orders/7", 200, {"dat": {"id": 7, "full": False}, "err": ""}),
        ("compat", "/api/shop/nothing", 200, {"dat": None, "err": ""}),
        ("compat", "/api/shop/refuses", 200, {"dat": None, "err": "The shop is closed."}),
        ("compat", "/api/shop/gone", 404, {"dat": None, "err": "There is no operation at this path."}),
        ("problem", "/api/shop/refuses", 409, {"code": "closed", "title": "Conflict"}),
    ],
)
async def test_a_service_answers_in_its_own_envelope(
    serve: Serve, envelope: str, path: str, status: int, body: dict[str, Any]
) -> None:
    """Also where no operation is, below its root."""
    async with serve(Shop(inner=Inner()), config={"services": {"shop": {"envelope": envelope}}}) as shop:
        got, answered, _ = await _ask(shop, "GET", path)
        _, elsewhere, _ = await _ask(shop, "GET", "/elsewhere")
    assert got == status
    assert body.items() <= answered.items()
    assert elsewhere["error"]["code"] == "no_such_path"


async def test_a_vanished_consumer_is_one_line(shop: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes away before the answer is told as 499, without a trace; the call itself is finished."""
    monkeypatch.setattr("tests.web.shop.NAP", nap := Nap())
    _, writer = await asyncio.open_connection("127.0.0.1", int(shop.url.rpartition(":")[2]))
    writer.write(b"GET /api/shop/naps HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: nap.begun, "the call")
    writer.close()
    await asyncio.sleep(0.1)
    nap.over = True
    lines = await shop.access_log()
    assert len(lines) == 1
    assert "| 499 |" in lines[0]
    assert "Traceback" not in (shop.logs / "error.log").read_text()


async def test_a_body_that_ends_early_is_one_line(shop: Served) -> None:
    """A consumer that goes away within its body leaves one line and no trace."""
    head = b"POST /api/shop/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
    token = b"x-srv-token: " + shop.headers["x-srv-token"].encode() + b"\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", int(shop.url.rpartition(":")[2]))
    writer.write(head + token + b'{"account"')
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    lines = await shop.access_log()
    assert len(lines) == 1
    assert "| 499 |" in lines[0]
    assert "Traceback" not in (shop.logs / "error.log").read_text()


async def test_a_stalled_body_is_refused_when_the_call_is_over(serve: Serve) -> None:
    """A body that never comes is the consumer's fault: 408, not 504."""
    async with serve(Shop(inner=Inner()), config={"services": {"shop": {"timeout": "300ms"}}}) as shop:
        token = b"x-srv-token: " + shop.headers["x-srv-token"].encode()
        head = b"POST /api/shop/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        answer = await _raw(shop, head + token + b"\r\nConnection: close\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_bytes_that_are_no_http_are_one_line(shop: Served) -> None:
    """Garbage is refused with 400 and told in one line without a trace."""
    answer = await _raw(shop, b"\x16\x03\x01\x02\x00 not http\r\n\r\n")
    assert b" 400 " in answer.splitlines()[0]
    assert "Traceback" not in (shop.logs / "error.log").read_text()


async def _raw(shop: Served, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(shop.url.rpartition(":")[2]))
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return answer
