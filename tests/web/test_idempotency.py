"""The link ``idempotency``: what is the same request, and how the answer of the first is kept and repeated."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from tests.parts.processes import free_port
from tests.parts.waiting import in_time, until
from tests.web.buying import OTHER, Counter, shopping


@pytest.fixture
async def shop() -> AsyncGenerator[Counter]:
    """A shop of its own for each test."""
    async with shopping() as counter:
        yield counter


async def test_a_repeat_gets_the_same_answer(shop: Counter) -> None:
    """Status, type and bytes are those of the first; the id in the header is the repeat's own, and nothing runs."""
    status, first, body = await shop.ask(activityid="one")
    again, headers, repeated = await shop.ask(activityid="two")
    assert (status, body) == (again, repeated) == (200, body)
    assert b'"correlationId":"one"' in body
    assert (first["activityid"], headers["activityid"]) == ("one", "two")
    assert first["Content-Type"] == headers["Content-Type"]
    assert "Idempotent-Replayed" not in first
    assert headers["Idempotent-Replayed"] == "true"
    assert shop.book.done == ["tea"]


async def test_headers_of_an_answer_are_repeated(shop: Counter) -> None:
    """The place of what was made, and a status of its own."""
    answers = [await shop.ask("/only/tea", verb="PUT") for _ in range(2)]
    assert [(status, headers["Location"]) for status, headers, _ in answers] == [(201, "/shop/tea")] * 2
    assert answers[0][2] == answers[1][2]


async def test_an_answer_of_nothing_is_repeated(shop: Counter) -> None:
    """204 stays 204, without a body and without a content type."""
    answers = [await shop.ask("/forget", json="") for _ in range(2)]
    assert [(status, body) for status, _, body in answers] == [(204, b"")] * 2
    assert shop.book.done == ["nothing"]


async def test_without_a_key_it_runs_each_time(shop: Counter) -> None:
    """The key is the consumer's to send; an operation that must have one says so and does not run."""
    assert [(await shop.ask(key=None))[0] for _ in range(2)] == [200, 200]
    assert shop.book.done == ["tea", "tea"]
    assert b'"reference":""' in (await shop.ask(key=None))[2]
    assert await shop.code("/only/tea", key=None, verb="PUT") == (400, "idempotency_key_missing")
    assert len(shop.book.done) == 3


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\t", "ключ", "a\xff"])
async def test_what_is_no_key_is_refused(shop: Counter, key: str) -> None:
    """A key has 1 to 255 visible characters of ASCII."""
    assert await shop.code(key=key) == (400, "invalid_idempotency_key")
    assert shop.book.done == []


async def test_the_longest_key_is_one_and_two_are_none(shop: Counter) -> None:
    """255 characters are a key; the header may stand there once."""
    longest = "".join(chr(33 + number % 94) for number in range(255))
    assert (await shop.ask(key=longest))[0] == 200
    headers = [*shop.server.headers.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "a")]
    async with shop.server.session.post("/shop/buy", json={"item": "tea"}, headers=headers) as response:
        assert response.status == 400


async def test_another_request_under_the_same_key_is_refused(shop: Counter) -> None:
    """Another body, or another path, is another request; the same JSON in another order is not."""
    await shop.ask(json={"item": "tea", "count": 2})
    assert (await shop.ask(json={"count": 2, "item": "tea"}))[1]["Idempotent-Replayed"] == "true"
    others: list[Any] = [{"item": "tea", "count": 3}, {"item": "tea"}, {"item": "tea", "count": "2"}, []]
    for json in others:
        assert await shop.code(json=json) == (422, "idempotency_key_reused")
    assert (await shop.ask("/only/tea", verb="PUT"))[0] == 201
    assert await shop.code("/only/milk", verb="PUT") == (422, "idempotency_key_reused")
    assert shop.book.done == ["tea", "tea"]


async def test_a_key_belongs_to_a_consumer_and_an_operation(shop: Counter) -> None:
    """Neither another consumer nor another operation meets it, and each has a reference of its own."""
    answers = [await shop.ask(), await shop.ask(**{"x-srv-token": OTHER}), await shop.ask("/lost")]
    assert shop.book.done == ["tea"] * 3
    references = {re.findall(rb'"reference":"([0-9a-f]{32})"', body)[0] for _, _, body in answers}
    assert len(references) == 3


async def test_a_repeat_is_admitted_as_the_first_was(shop: Counter) -> None:
    """Who may not call the operation learns nothing from a key."""
    await shop.ask("/lost")
    assert await shop.code("/buy", **{"x-srv-token": "unknown"}) == (401, "unauthenticated")
    assert (await shop.ask("/only/tea", verb="PUT", **{"x-srv-token": OTHER}))[0] == 201


async def test_a_hundred_at_once_are_one(shop: Counter) -> None:
    """Of a hundred equal requests one runs, and all get its answer."""
    shop.book.seconds = 0.1
    answers = await asyncio.gather(*(shop.ask() for _ in range(100)))
    assert shop.book.done == ["tea"]
    assert {(status, body) for status, _, body in answers} == {(200, answers[0][2])}
    assert sum("Idempotent-Replayed" in headers for _, headers, _ in answers) == 99


async def test_a_repeat_does_not_wait_for_ever() -> None:
    """While the first call runs for longer than a repeat waits, that is told to come back, and then gets the answer."""
    async with shopping(idempotency={"wait": "100ms"}) as shop:
        shop.book.held = True
        first = asyncio.ensure_future(shop.ask())
        await until(lambda: shop.book.done)
        status, headers, body = await shop.ask()
        assert (status, headers["Retry-After"], b"still_running" in body) == (409, "1", True)
        shop.book.held = False
        assert (await first)[2] == (await shop.ask())[2]
        assert shop.book.done == ["tea"]


async def test_a_store_that_is_away_lets_nothing_run() -> None:
    """Who sends a key is refused before anything happens, and who sends none is served as ever."""
    async with shopping(stores={"keys": f"redis://127.0.0.1:{free_port()}", "timeout": "1s"}) as shop:
        assert await shop.code() == (503, "store_unavailable")
        assert shop.book.done == []
        assert (await shop.ask(key=None))[0] == 200


async def test_answers_are_sealed_where_they_are_kept(tmp_path: Path) -> None:
    """Neither key, nor consumer, nor answer can be read in the store's files."""
    async with shopping(tmp_path) as shop:
        assert (await shop.ask(key="secret-key-of-the-test"))[0] == 200
        kept = b"".join(path.read_bytes() for path in (tmp_path / "var").glob("keys.sqlite3*"))
    assert b"once:" in kept
    for word in (b"secret-key", b"correlationId", b"reference", b"running", b"done"):
        assert word not in kept


async def test_an_answer_outlives_the_server_but_not_its_keys(tmp_path: Path) -> None:
    """After a restart a repeat is answered; with another key ring nobody knows what happened."""
    async with shopping(tmp_path) as shop:
        first = await shop.ask()
    async with shopping(tmp_path) as shop:
        assert (await shop.ask())[2] == first[2]
    (tmp_path / "var" / "keyring").unlink()
    async with shopping(tmp_path) as shop:
        assert await shop.code() == (409, "outcome_unknown")
        assert shop.book.done == []


async def test_an_answer_is_kept_as_long_as_configured() -> None:
    """When its time is over the key is forgotten, and may be used again."""
    async with shopping(idempotency={"keep": "1s"}) as shop:

        async def is_repeated() -> bool:
            await shop.ask()
            return "Idempotent-Replayed" in (await shop.ask())[1]

        assert await in_time(1, is_repeated)
        done = len(shop.book.done)
        await asyncio.sleep(1.2)
        assert "Idempotent-Replayed" not in (await shop.ask())[1]
        assert len(shop.book.done) == done + 1


async def test_a_repeat_waits_no_longer_than_its_consumer(shop: Counter) -> None:
    """Who says how long it waits is told in time that the first call still runs."""
    shop.book.held = True
    first = asyncio.ensure_future(shop.ask())
    await until(lambda: shop.book.done)
    assert await shop.code(**{"x-timeout-ms": "1"}) == (409, "still_running")
    assert not first.done()
    shop.book.held = False
    assert (await first)[0] == 200


async def test_what_runs_is_not_forgotten() -> None:
    """A call that runs for longer than answers are kept is still known to run."""
    async with shopping(idempotency={"keep": "100ms", "wait": "50ms"}) as shop:
        shop.book.held = True
        first = asyncio.ensure_future(shop.ask())
        await asyncio.sleep(0.4)
        assert await shop.code() == (409, "still_running")
        shop.book.held = False
        assert (await first)[0] == 200
        assert shop.book.done == ["tea"]


async def test_a_repeat_passes_every_other_link(shop: Counter) -> None:
    """What a service's own links refuse, an answer that was kept does not get past."""
    assert (await shop.ask())[0] == 200
    assert await shop.code(**{"x-closed": "yes"}) == (403, "closed")
    assert (await shop.ask())[1]["x-passed"] == "yes"
