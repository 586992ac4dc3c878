"""Answers no provider should give, on real sockets: each is one clear fault, and its leg is on record."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Literal

import pytest

from pi_account_withdrawal.service import AccountWithdrawal
from pi_exchange_rates.service import ExchangeRates
from pi_server.testing import Serve, Served, api_records, assert_pairs
from tests.providers.bank import soap_codec

Kind = Literal["soap", "rest"]
Shape = tuple[int, str, bytes]
"""Status, content type and body."""

_SOAP = soap_codec().encode_reply("accountWithdrawal", {"TraceNo": "T1", "Balance": Decimal("90.00")})
_REST = b'{"base": "EUR", "rates": {"USD": "1.25"}}'
_FAULT = soap_codec().encode_fault("Server", "SECRET words", ("INSUFFICIENT", {"Balance": Decimal(1)}))
_TYPES: dict[Kind, str] = {"soap": "application/soap+xml; charset=utf-8", "rest": "application/json"}
_GOOD: dict[Kind, bytes] = {"soap": _SOAP, "rest": _REST}
_SIGN_IN = b"<!doctype html><html><body>SECRET: please sign in</body></html>"


def _both(name: str, shape: dict[Kind, Shape], status: int = 502, code: str = "provider_malformed") -> list[Any]:
    return [pytest.param(kind, one, status, code, id=f"{name}, {kind}") for kind, one in shape.items()]


def _changed(soap: bytes, rest: bytes, status: int = 200) -> dict[Kind, Shape]:
    return {"soap": (status, _TYPES["soap"], soap), "rest": (status, _TYPES["rest"], rest)}


SHAPES = [
    *_both("another content type", {kind: (200, "text/plain", _GOOD[kind]) for kind in _GOOD}),
    *_both("a page to sign in", dict.fromkeys(_GOOD, (200, "text/html", _SIGN_IN))),
    *_both("a page said to be an answer", {kind: (200, _TYPES[kind], _SIGN_IN) for kind in _GOOD}),
    *_both("nothing", _changed(b"", b"")),
    *_both("cut short", _changed(_SOAP[:-20], _REST[:-5])),
    *_both("another charset", _changed(_SOAP.replace(b">T1<", b">\xe9<"), _REST.replace(b"EUR", b"\xe9"))),
    *_both("a mark of another byte order", _changed(b"\xff\xfe" + _SOAP, b"\xff\xfe" + _REST)),
    *_both("two roots", _changed(_SOAP + _SOAP.partition(b"\n")[2], _REST * 2)),
    *_both("another namespace", {"soap": (200, _TYPES["soap"], _SOAP.replace(b"urn:example:bank", b"urn:other"))}),
    *_both("other names", {"rest": (200, _TYPES["rest"], _REST.replace(b"rates", b"prices"))}),
    *_both(
        "extra fields",
        {"soap": (200, _TYPES["soap"], _SOAP.replace(b"</ns0:Balance>", b"</ns0:Balance><ns0:B>1</ns0:B>"))},
    ),
    *_both("a refusal that is no failure", {"soap": (200, _TYPES["soap"], _FAULT)}, 409, "insufficient_funds"),
    *_both("a failure with a good body", _changed(_SOAP, _REST, 500), code="provider_failed"),
    *_both("an entity", {"soap": (200, _TYPES["soap"], _SOAP.replace(b"?>", b'?><!DOCTYPE a [<!ENTITY b "c">]>', 1))}),
]


@asynccontextmanager
async def _answering(shape: Shape) -> AsyncGenerator[str]:
    """The address of a provider that answers everything alike."""
    status, media, body = shape
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        lengths = [line.partition(b":")[2] for line in asked.lower().split(b"\r\n") if line.startswith(b"content-len")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _answer(server: Served, kind: Kind) -> tuple[int, str, dict[str, Any]]:
    verb, path, body = "GET", "/api/rates/v1.0/latest/EUR", None
    if kind == "soap":
        verb, path, body = "POST", "/api/account/v1.0/withdraw", {"account": "1001", "amount": "10.00"}
    async with server.session.request(verb, path, json=body, headers=server.headers) as response:
        text = await response.text()
        return response.status, text, await response.json()


def _config(address: str) -> dict[str, Any]:
    once = {"endpoint": address, "retry": {"times": 0}, "timeout": "5s"}
    return {
        "services": {
            "account_withdrawal": {"bank": {**once, "wsdl": "files/withdraw.wsdl"}},
            "exchange_rates": {"market": once},
        }
    }


@pytest.mark.parametrize(("kind", "shape", "status", "code"), SHAPES)
async def test_an_answer_that_is_none(serve: Serve, kind: Kind, shape: Shape, status: int, code: str) -> None:
    """Its words reach nobody but the API log, and the error log has no trace."""
    async with _answering(shape) as address, serve(AccountWithdrawal, ExchangeRates, config=_config(address)) as server:
        told, text, answer = await _answer(server, kind)
        assert (told, answer["error"]["code"]) == (status, code)
        assert "SECRET" not in text
        assert answer["correlationId"]
        records = api_records(server.api_log)
        assert_pairs(records)
        assert [record.status for record in records] == [None, shape[0]]
        assert "Traceback" not in (server.logs / "error.log").read_text()


FORGIVEN = [
    *_both("a mark of its own byte order", {"soap": (200, _TYPES["soap"], b"\xef\xbb\xbf" + _SOAP)}),
    *_both("extra fields", {"rest": (200, _TYPES["rest"], _REST[:-1] + b', "more": [1]}')}),
]


@pytest.mark.parametrize(("kind", "shape", "_status", "_code"), FORGIVEN)
async def test_an_answer_that_says_the_same(serve: Serve, kind: Kind, shape: Shape, _status: int, _code: str) -> None:
    """What cannot be misread is taken: XML with its own mark, and members that a JSON provider added since."""
    async with _answering(shape) as address, serve(AccountWithdrawal, ExchangeRates, config=_config(address)) as server:
        assert (await _answer(server, kind))[0] == 200
