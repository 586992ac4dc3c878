"""What becomes of a key when the first call with it failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from pydantic import BaseModel

from pi_server import Call, Fault, RestMessage, RestProvider, Service, post
from pi_server.testing import serve
from tests.parts.fixtures import rest_provider
from tests.parts.processes import free_port
from tests.parts.redis import patient, redis_on
from tests.parts.waiting import until
from tests.web.buying import Counter, shopping

__all__ = ["patient", "rest_provider"]


@pytest.fixture
async def shop() -> AsyncGenerator[Counter]:
    """A shop of its own for each test."""
    async with shopping() as counter:
        yield counter


async def test_a_refusal_is_remembered(shop: Counter) -> None:
    """What the operation refused stays refused under this key, word for word."""
    shop.book.raises = Fault("sold_out", 409, "There is none.", headers={"x-why": "season"})
    first = await shop.ask()
    shop.book.raises = None
    status, headers, body = await shop.ask()
    assert (status, body, headers["x-why"]) == (409, first[2], "season")
    assert headers["Idempotent-Replayed"] == "true"
    assert shop.book.done == ["tea"]


async def test_a_refusal_is_remembered_as_its_envelope_told_it() -> None:
    """In the envelope that hides statuses a repeat is told the same as the first."""
    async with shopping(services={"shop": {"envelope": "compat"}}) as shop:
        shop.book.raises = Fault("sold_out", 409, "There is none.")
        answers = [await shop.ask() for _ in range(2)]
        assert [(status, body) for status, _, body in answers] == [(200, b'{"dat":null,"err":"There is none."}')] * 2
        assert shop.book.done == ["tea"]
        assert (await shop.ask(json={"item": "milk"}))[0] == 422


async def test_a_request_that_never_began_leaves_the_key_free(shop: Counter) -> None:
    """Whatever is wrong with an input, its key may be used for the right one."""
    assert await shop.code(json={"item": 1}) == (422, "invalid_input")
    assert (await shop.ask(**{"Content-Type": "text/plain"}))[0] == 415
    assert (await shop.ask(Accept="text/html"))[0] == 406
    assert (await shop.ask())[0] == 200
    assert shop.book.done == ["tea"]


@pytest.mark.parametrize("error", [Fault("broken", 500), Fault("away", 503), RuntimeError("a mistake"), SystemExit(1)])
async def test_what_failed_without_a_word_is_unknown(shop: Counter, error: BaseException) -> None:
    """After a failure that proves nothing, the operation does not run again under this key."""
    shop.book.raises = error
    assert (await shop.ask())[0] >= 500
    shop.book.raises = None
    for _ in range(2):
        assert await shop.code() == (409, "outcome_unknown")
    assert await shop.code(json={"item": "milk"}) == (422, "idempotency_key_reused")
    assert (await shop.ask(key="another"))[0] == 200
    assert shop.book.done == ["tea", "tea"]


async def test_a_call_that_took_too_long_is_unknown(shop: Counter) -> None:
    """What was given up on its way may have happened."""
    shop.book.seconds = 5.0
    assert await shop.code("/only/tea", verb="PUT") == (504, "timeout")
    assert await shop.code("/only/tea", verb="PUT") == (409, "outcome_unknown")
    assert shop.book.done == ["tea"]


async def test_what_a_stopping_server_gave_up_does_not_run_again(tmp_path: Path) -> None:
    """A call that is still running when the time to drain is over is lost: after the start, its key is not free."""
    async with shopping(tmp_path, server={"drain": "100ms"}) as shop:
        shop.book.seconds = 30
        lost = asyncio.ensure_future(shop.ask())
        await until(lambda: shop.book.done)
    assert isinstance((await asyncio.gather(lost, return_exceptions=True))[0], ClientError)
    async with shopping(tmp_path, idempotency={"wait": "50ms"}) as shop:
        assert (await shop.ask())[0] == 409
        assert shop.book.done == []


async def test_a_store_that_leaves_in_the_middle_does_not_take_the_answer(
    tmp_path: Path, patient: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The consumer gets the answer of what happened; the log says that it was not kept."""
    port = free_port()
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(redis_on(port, tmp_path / "redis"))
        shop = await stack.enter_async_context(shopping(stores={"keys": f"redis://127.0.0.1:{port}"}))
        shop.book.held = True
        asked = asyncio.ensure_future(shop.ask())
        await until(lambda: shop.book.done)
        redis.kill()
        redis.wait()
        shop.book.held = False
        assert (await asked)[0] == 200
        assert await shop.code() == (503, "store_unavailable")
        assert shop.book.done == ["tea"]
    assert "shop.buy: what came of it was not kept" in caplog.text


async def test_an_enquiry_finds_what_happened(shop: Counter) -> None:
    """The provider's word becomes the answer, and is repeated from then on; it is asked by the call's reference."""
    shop.book.raises, shop.book.tells = RuntimeError("lost"), True
    assert (await shop.ask("/lost"))[0] == 500
    answers = [await shop.ask("/lost", activityid="two"), await shop.ask("/lost")]
    assert [status for status, _, _ in answers] == [200, 200]
    assert answers[0][2] == answers[1][2]
    assert [headers["Idempotent-Replayed"] for _, headers, _ in answers] == ["true", "true"]
    (reference,) = shop.book.asked
    assert f'"reference":"{reference}"'.encode() in answers[0][2]
    assert b'"correlationId":"two"' in answers[0][2]
    assert shop.book.done == ["tea"]


async def test_an_enquiry_that_finds_nothing_lets_it_run(shop: Counter) -> None:
    """What the provider knows nothing of is done now, once, and remembered."""
    shop.book.raises = RuntimeError("lost")
    assert (await shop.ask("/lost"))[0] == 500
    shop.book.raises, shop.book.seconds = None, 0.05
    answers = await asyncio.gather(*(shop.ask("/lost") for _ in range(20)))
    assert {(status, body) for status, _, body in answers} == {(200, answers[0][2])}
    assert len(shop.book.asked) == 1
    assert shop.book.done == ["tea", "tea"]


@pytest.mark.parametrize("error", [Fault("away", 502), Fault("no", 404), RuntimeError("a mistake"), SystemExit(1)])
async def test_an_enquiry_that_fails_tells_nothing(shop: Counter, error: BaseException) -> None:
    """It stays unknown, the operation does not run, and the next repeat asks again."""
    shop.book.raises, shop.book.tells = RuntimeError("lost"), error
    assert (await shop.ask("/lost"))[0] == 500
    for _ in range(2):
        assert await shop.code("/lost") == (409, "outcome_unknown")
    shop.book.tells = True
    assert (await shop.ask("/lost"))[0] == 200
    assert len(shop.book.asked) == 3
    assert shop.book.done == ["tea"]


class Done(BaseModel):
    """What a provider answers."""

    base: str


class Send(RestMessage[Done], path="/{where}/EUR", verb="POST"):
    """Changes something there."""

    where: str


class Look(RestMessage[Done], path="/{where}/EUR"):
    """Changes nothing."""

    where: str


class Way(BaseModel):
    """Where to look, and where to send."""

    look: str = ""
    send: str = ""


class Far(Service):
    """Sends to a provider."""

    root = "/far"
    near: RestProvider
    away: RestProvider

    @post("/", once=True)
    async def go(self, call: Call, way: Way) -> str:
        """Look, then send, where there is something to."""
        if way.look:
            await self.near.send(call, Look(where=way.look))
        if way.send:
            await self.near.send(call, Send(where=way.send))
        return (await self.away.send(call, Send(where="x"))).base


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ({}, "provider_unreachable"),
        ({"look": "latest"}, "provider_unreachable"),
        ({"look": "slow"}, "provider_timeout"),
        ({"send": "slow"}, "outcome_unknown"),
        ({"send": "reset"}, "outcome_unknown"),
        ({"send": "garbage"}, "outcome_unknown"),
        ({"send": "error"}, "outcome_unknown"),
        ({"send": "latest"}, "outcome_unknown"),
    ],
)
async def test_a_key_is_free_only_where_nothing_left(rest_provider: str, way: dict[str, str], code: str) -> None:
    """What could not be sent, after looking at most, may be tried again; what left, even before that, may not."""
    far = {
        "near": {"endpoint": rest_provider, "timeout": "1s" if "slow" in way.values() else "30s"},
        "away": {"endpoint": f"http://127.0.0.1:{free_port()}"},
    }
    async with serve(Far, config={"services": {"far": far}}) as server:
        headers = {**server.headers, "Idempotency-Key": "k"}
        codes = [await _code(server.session, way, headers) for _ in range(2)]
    assert codes[0].startswith("provider_")
    assert codes[1] == code


async def _code(session: ClientSession, way: dict[str, str], headers: dict[str, str]) -> str:
    async with session.post("/far", json=way, headers=headers) as response:
        answer: Any = await response.json()
        return str(answer["error"]["code"])


async def test_what_a_policy_does_not_let_out_leaves_the_key_free() -> None:
    """A provider that is left alone for a while was not asked."""
    away = {"endpoint": f"http://127.0.0.1:{free_port()}", "breaker": {"failures": 1}}
    async with serve(Far, config={"services": {"far": {"near": away, "away": away}}}) as server:
        headers = {**server.headers, "Idempotency-Key": "k"}
        codes = [await _code(server.session, {}, headers) for _ in range(4)]
    assert codes[0] == "provider_unreachable"
    assert set(codes[1:]) == {"provider_suspended"}
