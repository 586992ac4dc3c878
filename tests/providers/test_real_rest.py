"""Whole REST providers against a real process."""

import asyncio
from decimal import Decimal

import pytest

from pi_server import Call, Fault
from tests.providers.bank import Ask, Echo, Latest
from tests.providers.conftest import Open


async def test_a_table_is_read(rest_provider: str, open_provider: Open) -> None:
    """Path and query reach the market, and rates come back digit by digit."""
    market = await open_provider(rest_provider)
    table = await market.send(Call(), Latest(base="EUR", symbols=["USD"]))
    assert {name: str(rate) for name, rate in table.rates.items()} == {"USD": "1.2500"}


async def test_forty_digits_are_kept(rest_provider: str, open_provider: Open) -> None:
    """No digit is lost on the way through the transport and the codec."""
    market = await open_provider(f"{rest_provider}/exact")
    assert (await market.send(Call(), Ask())).rates["USD"] == Decimal("1.234567890123456789012345678901234567890")


@pytest.mark.parametrize("word", ["../x", "a/b", "a%2Fb", "?q=1", "#x", "é ü", ";x", "\n"])
async def test_a_path_value_arrives_as_one_segment(rest_provider: str, open_provider: Open, word: str) -> None:
    """Nothing in a value reaches another path, and the headers are those of a JSON provider."""
    market = await open_provider(rest_provider, headers={"X-Key": "k"})
    call = Call()
    came = await market.send(call, Echo(word=word))
    assert came.target.startswith("/echo/")
    assert came.target.count("/") == 2
    assert (came.headers["activityid"], came.headers["x-key"]) == (call.correlation_id, "k")
    assert came.headers["accept"] == "application/json"
    assert "aiohttp" not in came.headers["user-agent"]


@pytest.mark.parametrize(
    ("path", "code", "status"),
    [
        ("html", "provider_malformed", 502),
        ("html502", "provider_failed", 502),
        ("garbage", "provider_malformed", 502),
        ("empty", "provider_malformed", 502),
        ("no-json", "provider_malformed", 502),
        ("wrong-type", "provider_malformed", 502),
        ("missing", "provider_malformed", 502),
        ("doubled", "provider_malformed", 502),
        ("nan", "provider_malformed", 502),
        ("latin", "provider_malformed", 502),
        ("deep", "provider_malformed", 502),
        ("error", "provider_failed", 502),
        ("redirect", "provider_failed", 502),
        ("truncated", "provider_malformed", 502),
        ("hangup", "provider_unreachable", 502),
        ("reset", "provider_unreachable", 502),
        ("huge", "provider_too_large", 502),
        ("bomb", "provider_too_large", 502),
        ("slow", "provider_timeout", 504),
        ("dribble", "provider_timeout", 504),
    ],
)
async def test_each_misbehaviour_becomes_its_fault(
    rest_provider: str, open_provider: Open, path: str, code: str, status: int
) -> None:
    """Whatever the market does, the consumer reads a declared fault."""
    market = await open_provider(f"{rest_provider}/{path}", timeout=0.6 if status == 504 else 10)
    with pytest.raises(Fault) as caught:
        await market.send(Call(), Ask())
    assert (caught.value.code, caught.value.status) == (code, status)


async def test_parallel_calls_get_their_own_answers(rest_provider: str, open_provider: Open) -> None:
    """Of 200 calls at a time over 20 connections, none gets another's answer."""
    market = await open_provider(rest_provider, bulkhead={"wait": "30s"})
    words = [f"word-{n}" for n in range(200)]
    answers = await asyncio.gather(*(market.send(Call(), Echo(word=word)) for word in words))
    assert [answer.target for answer in answers] == [f"/echo/{word}" for word in words]


async def test_a_late_answer_is_given_to_nobody(rest_provider: str, open_provider: Open) -> None:
    """After a timeout the connection is gone: the next exchange starts on a new one."""
    market = await open_provider(f"{rest_provider}/silent-body", timeout=0.3, connections=1)
    with pytest.raises(Fault):
        await market.send(Call(), Ask())
    fresh = await open_provider(rest_provider, connections=1)
    assert (await fresh.send(Call(), Echo(word="a"))).count == 1
    assert (await fresh.send(Call(), Echo(word="b"))).count == 2
