"""The link that asks for ``x-srv-token``, behind the links that always stand, over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from pi_server.auth.recorded_tokens import RecordedTokens
from pi_server.auth.service_tokens import UNKNOWN, ServiceTokens, new_token
from pi_server.auth.token_records import TokenRecords
from pi_server.domain.chain import Chain
from pi_server.domain.envelope import ENVELOPES
from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.ports import Access
from pi_server.stores.memory import MemoryStore
from pi_server.web.endpoint import Handler
from pi_server.web.middleware.access_log import access_log
from pi_server.web.middleware.correlation import correlation
from pi_server.web.middleware.credentials import credentials, token_credential
from pi_server.web.middleware.recovery import recovery
from pi_server.web.middleware.token import TOKEN_HEADER
from pi_server.web.state import CONSUMER
from tests.auth.token_scene import CONFIGURED, Switch, section


class Heard:
    """An access log for reading."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.lines: list[Access] = []

    def record(self, access: Access, /) -> None:
        """Keep it."""
        self.lines.append(access)


class Guarded:
    """One operation behind the link, with tokens in a real store behind a switch."""

    def __init__(self) -> None:
        """One configured token, and whatever the test records."""
        self.switch = Switch(MemoryStore())
        self.operator = TokenRecords(self.switch.store)
        self.recorded = RecordedTokens(TokenRecords(self.switch.switched), ["shop"])
        self.log = Heard()
        identify = ServiceTokens({"shop": section(CONFIGURED)}, self.recorded.identify).identify
        links: Chain[Handler] = Chain(
            correlation(()),
            access_log(self.log),
            recovery(ENVELOPES["semantic"]),
            credentials(token_credential(identify)),
        )
        application = web.Application()
        application.router.add_get("/", links.then(_who))
        self.server = TestServer(application)

    async def get(self, *tokens: bytes, path: str = "/") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer to a request written byte by byte."""
        url = self.server.make_url(path)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        headers = b"".join(b"X-Srv-Token: %s\r\n" % one for one in tokens)
        writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n" % (url.raw_path_qs.encode(), headers))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        first, *lines = head.decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines)
        return int(first.split()[1]), {name.lower(): value for name, value in pairs}, body


async def _who(request: web.Request) -> web.Response:
    return web.json_response({"name": request[CONSUMER].name})


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    """Served until the test ends."""
    guarded = Guarded()
    async with guarded.server:
        yield guarded
    await guarded.recorded.close()


async def test_tokens_of_both_sources_get_in(guarded: Guarded) -> None:
    """The consumer is on the request, and its name in the access log."""
    recorded = await guarded.operator.create("billing")
    for shown in (CONFIGURED, recorded, recorded):
        assert (await guarded.get(shown.encode()))[0] == 200
    assert [line.consumer for line in guarded.log.lines] == ["shop", "billing", "billing"]


async def test_every_refusal_is_the_same_outside_and_told_apart_in_the_log(guarded: Guarded) -> None:
    """None, two, unknown, expired, revoked, hostile bytes: one answer, which repeats no token."""
    old = await guarded.operator.create("a")
    await guarded.operator.rotate("a", overlap=timedelta())
    gone = await guarded.operator.create("b")
    await guarded.operator.revoke("b")
    right = CONFIGURED.encode()
    cases: list[tuple[tuple[bytes, ...], str]] = [
        ((), "no headers x-srv-token"),
        ((right, right), "2 headers x-srv-token"),
        ((right + b", " + right,), UNKNOWN),
        ((b"",), UNKNOWN),
        ((b"\xc3\xa9" * 46,), UNKNOWN),
        ((b"\xff\xfe",), UNKNOWN),
        ((b"x" * 6000,), UNKNOWN),
        ((new_token().encode(),), UNKNOWN),
        ((old.encode(),), "an expired service token of a"),
        ((gone.encode(),), "a revoked service token of b"),
    ]
    answers: list[object] = []
    for shown, reason in cases:
        status, headers, body = await guarded.get(*shown)
        told = json.loads(body)
        assert told.pop("correlationId") == headers.pop("activityid")
        answers.append((status, {**headers, "date": ""}, told))
        assert f"({reason})" in guarded.log.lines[-1].error
        assert not any(one and one in body for one in shown)
        assert not any(len(one) > 2 and one.decode(errors="replace") in guarded.log.lines[-1].error for one in shown)
    assert answers == answers[:1] * len(cases)
    status, headers, _ = await guarded.get()
    assert (status, headers["www-authenticate"]) == (401, TOKEN_HEADER)


async def test_a_token_in_the_query_string_counts_nothing(guarded: Guarded) -> None:
    """It is not looked at, neither alone nor beside the header."""
    path = f"/?x-srv-token={CONFIGURED.replace(' ', '%20')}"
    assert (await guarded.get(path=path))[0] == 401
    assert (await guarded.get(CONFIGURED.encode(), path="/?x-srv-token=wrong"))[0] == 200


async def test_while_the_store_is_away_nobody_is_called_unknown(guarded: Guarded) -> None:
    """503 with Retry-After and without a challenge; configured tokens get in."""
    recorded = await guarded.operator.create("billing")
    guarded.switch.away = True
    status, headers, body = await guarded.get(recorded.encode())
    assert (status, headers["retry-after"]) == (503, "1")
    assert "www-authenticate" not in headers
    assert json.loads(body)["error"]["code"] == StoreUnavailable.code
    assert (await guarded.get(CONFIGURED.encode()))[0] == 200


async def test_a_fault_of_the_operation_is_not_challenged() -> None:
    """What happens further in is none of the link's business."""

    async def fails(_: web.Request) -> web.Response:
        raise web.HTTPConflict

    link = credentials(token_credential(ServiceTokens({"shop": section(CONFIGURED)}).identify))
    application = web.Application()
    application.router.add_get("/", link(fails))
    async with TestClient(TestServer(application)) as client:
        answer = await client.get("/", headers={TOKEN_HEADER: CONFIGURED})
    assert answer.status == 409
    assert "www-authenticate" not in answer.headers
