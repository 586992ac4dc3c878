"""A provider that fails in every way: what the consumer gets, and what stays on record."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from pi_server import Call, RestMessage, RestProvider, Service, get
from pi_server.testing import Serve, Served


class Table(BaseModel):
    """What the market answers."""

    base: str
    rates: dict[str, Decimal]


class Ask(RestMessage[Table], path="/{how}/{base}"):
    """A question whose path says how the market misbehaves."""

    how: str
    base: str


class Market(Service):
    """Hands on what the market does."""

    root = "/market"
    exchange: RestProvider

    @get("/{how}", public=True)
    async def ask(self, call: Call, how: str) -> Table:
        """Ask in a given way."""
        return await self.exchange.send(call, Ask(how=how, base="EUR"))


def _config(endpoint: str, timeout: str = "400ms") -> dict[str, Any]:
    exchange = {
        "endpoint": endpoint,
        "company": "market",
        "timeout": timeout,
        "reply_limit": "1MiB",
        "connections": 200,
        "retry": {"times": 0},  # one exchange for each call
        "breaker": {"failures": 0},
    }
    return {"services": {"market": {"exchange": exchange}}}


@pytest.fixture
async def market(serve: Serve, rest_provider: str) -> AsyncIterator[Served]:
    """The market behind the server."""
    async with serve(Market, config=_config(rest_provider)) as served:
        yield served


def _records(server: Served) -> list[dict[str, Any]]:
    return [json.loads(line.partition("{API_LOG} ")[2]) for line in server.api_log]


EXPECTED = {
    "latest": 200,
    "html": 502,
    "html502": 502,
    "garbage": 502,
    "empty": 502,
    "no-json": 502,
    "wrong-type": 502,
    "missing": 502,
    "doubled": 502,
    "nan": 502,
    "deep": 502,
    "error": 502,
    "redirect": 502,
    "bad-chunk": 502,
    "bad-gzip": 502,
    "bomb": 502,
    "truncated": 502,
    "hangup": 502,
    "reset": 502,
    "reset-late": 502,
    "huge": 502,
    "slow": 504,
    "silent-body": 504,
    "dribble": 504,
}


@pytest.mark.parametrize("how", EXPECTED)
async def test_each_misbehaviour_is_one_clear_answer_and_one_pair_of_records(market: Served, how: str) -> None:
    """The consumer gets 502 or 504 in the envelope within the provider's time; both legs are on record."""
    async with market.session.get(f"/market/{how}") as response:
        body = await response.json()
        assert response.status == EXPECTED[how]
    assert body["correlationId"] == response.headers["activityid"]
    if response.status != 200:
        assert set(body) == {"error", "correlationId"}
        assert body["error"]["code"].startswith("provider_")
    request, reply = _records(market)
    assert (request["flow"], reply["flow"]) == ("REQUEST_OUT_PI", "RESPONSE_IN_PI")
    assert request["correlationId"] == reply["correlationId"] == body["correlationId"]
    assert "Traceback" not in (market.logs / "error.log").read_text()
    assert len(await market.access_log()) == 1


async def test_an_unreachable_provider_is_told_with_the_mapped_status(serve: Serve) -> None:
    """Nothing answered, so the closing record has the status the consumer got."""
    async with serve(Market, config=_config("http://127.0.0.1:9")) as market:
        async with market.session.get("/market/latest") as response:
            assert response.status == 502
        assert [record.get("statusCode") for record in _records(market)] == [None, 502]


async def test_the_whole_calls_timeout_counts_when_it_is_shorter(serve: Serve, rest_provider: str) -> None:
    """The smaller of the call's and the provider's time ends the exchange, and its record is closed."""
    config = _config(rest_provider, timeout="20s")
    config["services"]["market"]["timeout"] = "300ms"
    async with serve(Market, config=config) as market:
        async with market.session.get("/market/slow") as response:
            assert response.status == 504
        assert [record.get("statusCode") for record in _records(market)] == [None, 504]


async def test_a_thousand_calls_with_random_faults_leave_a_thousand_pairs(serve: Serve, rest_provider: str) -> None:
    """Whatever happens to a call, its request record has exactly one closing record after it."""
    chance = random.Random(20261121)
    hows = chance.choices([how for how in EXPECTED if how not in {"bomb", "huge"}], k=1000)
    async with serve(Market, config=_config(rest_provider, timeout="1s")) as market:
        slots = asyncio.Semaphore(60)

        async def one(number: int, how: str) -> int:
            async with (
                slots,
                market.session.get(f"/market/{how}", headers={"activityid": f"call-{number}"}) as response,
            ):
                await response.read()
                return response.status

        statuses = await asyncio.gather(*(one(number, how) for number, how in enumerate(hows)))
        records = _records(market)
    assert set(statuses) <= {200, 502, 504}
    assert len(records) == 2000
    flows: dict[str, list[str]] = {}
    for record in records:
        flows.setdefault(record["correlationId"], []).append(record["flow"])
    assert len(flows) == 1000
    assert all(pair == ["REQUEST_OUT_PI", "RESPONSE_IN_PI"] for pair in flows.values())


async def test_configured_headers_are_sent_and_never_shown(serve: Serve, rest_provider: str) -> None:
    """A header from the configuration may be a credential, whatever it is called."""
    config = _config(rest_provider)
    config["services"]["market"]["exchange"]["headers"] = {"X-Branch": "canary-4711"}
    async with serve(Market, config=config) as market:
        async with market.session.get("/market/latest") as response:
            assert response.status == 200
        assert "X-Branch=***" in market.api_log[0]
        assert "canary-4711" not in "".join(market.api_log)
