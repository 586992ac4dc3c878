"""Signing in and up, as somebody does who guesses: nothing tells who has an account, and nobody guesses for long."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, count
from pathlib import Path

import pytest

from pi_server.stores.open_documents import open_documents
from pi_server.testing import Served
from tests.accounts.scene import PASSWORD, Answer, Person, person, serving

WRONG = "another horse battery staple"


def sources() -> Iterator[str]:
    """Addresses of this machine, each for so many failures as one may have."""
    return (f"127.{n >> 8}.{n & 255}.1" for n in count(1) for _ in range(19))


def told(answer: Answer) -> tuple[int, str, list[tuple[str, str]]]:
    """All of an answer but its correlation id, its time and its nonce."""
    changing = ("activityid", "date", "content-security-policy", "content-length")
    headers = sorted((name.lower(), value) for name, value in answer.headers.items() if name.lower() not in changing)
    text = re.sub(r"[0-9a-f]{32}|[\w.-]+@example\.com|(?<=value=\")[\w-]{40,}", "", str(answer.body))
    return answer.status, text, headers


@pytest.mark.parametrize("page", [False, True])
async def test_unknown_wrong_and_resting_are_told_the_same(server: Served, page: bool) -> None:
    """Status, body and headers, as JSON and as a page; after five failures also for the right password."""
    await Person(server, "known@example.com").sign_up()
    addresses = sources()
    known = [await _try(server, "known", WRONG, next(addresses), page) for _ in range(8)]
    unknown = [await _try(server, "nobody", WRONG, next(addresses), page) for _ in range(8)]
    right = await _try(server, "known", PASSWORD, next(addresses), page)
    assert len({str(told(answer)) for answer in (*known, *unknown, right)}) == 1
    assert right.status == 401


async def _try(server: Served, name: str, password: str, source: str, page: bool = False) -> Answer:
    sent = {"email": f"{name}@example.com", "password": password}
    who = Person(server, source=source)
    return await (who.ask("POST", "/signin/", data=sent) if page else who.ask("POST", "/signin/", sent))


async def test_too_many_failures_from_one_address_are_told(server: Served) -> None:
    """Twenty, of whomever; then 429 with the time to wait, for JSON and as a page; others are served."""
    await Person(server, "known@example.com").sign_up()
    for n in range(20):
        assert (await _try(server, f"guess{n}", WRONG, "127.0.0.9")).status == 401
    for page in (False, True):
        refused = await _try(server, "known", PASSWORD, "127.0.0.9", page)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "900")
    assert (await _try(server, "known", PASSWORD, "127.0.0.10")).status == 200


async def test_a_known_session_works_while_its_account_rests(server: Served) -> None:
    """Guessing at the sign-in keeps nobody from what is theirs."""
    ann = await person(server)
    for n in range(6):
        assert (await _try(server, "ann", WRONG, f"127.0.1.{n + 1}")).status == 401
    assert (await _try(server, "ann", PASSWORD, "127.0.1.9")).status == 401
    assert (await ann.ask("GET", "/records/")).status == 200
    changed = await ann.ask("POST", "/password/", {"current": PASSWORD, "new": "a long walk along the sea"})
    assert changed.status == 200
    assert (await _try(server, "ann", "a long walk along the sea", "127.0.1.9")).status == 200


@pytest.mark.parametrize("page", [False, True])
async def test_signing_up_again_tells_nothing(server: Served, page: bool) -> None:
    """Neither status nor body nor headers say that an address has an account; its password stays."""
    answers: list[Answer] = []
    for name, password in (("ann", PASSWORD), ("ann", "quite another password"), ("bob", PASSWORD)):
        sent = {"email": f"{name}@example.com", "password": password}
        options = {"data": sent, "allow_redirects": False} if page else {}
        answers.append(await Person(server).ask("POST", "/signup/", None if page else sent, **options))
    assert len({str(told(answer)) for answer in answers}) == 1
    assert (await _try(server, "ann", "quite another password", "127.0.0.1")).status == 401
    assert (await _try(server, "ann", PASSWORD, "127.0.0.1")).status == 200


async def test_nobody_has_an_account_at_first(server: Served) -> None:
    """No default one, and no name that others have."""
    for name in ("admin", "root", "test", "demo", "postmaster"):
        for password in (PASSWORD, "admin", f"{name}{name}{name}"):
            assert (await _try(server, name, password, f"127.0.2.{len(name) + len(password)}")).status in (400, 401)


@pytest.mark.parametrize("where", ["sqlite", "mongodb"])
async def test_of_fifty_sign_ups_at_once_one_makes_the_account(
    request: pytest.FixtureRequest, tmp_path: Path, where: str
) -> None:
    """All are told the same, but for those who come when too many passwords wait."""
    documents = str(request.getfixturevalue("mongo_database")) if where == "mongodb" else where
    async with serving(tmp_path / "server", stores={"documents": documents}) as server:
        sent = {"email": "ann@example.com", "password": PASSWORD}
        answers = await asyncio.gather(*(Person(server).ask("POST", "/signup/", sent) for _ in range(50)))
        store = await open_documents(documents, tmp_path / "server" / "var", 5)
        assert await store.documents("accounts.accounts").count() == 1
        await store.close()
    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {202, 503}
    assert 202 in statuses


# --- times ------------------------------------------------------------------------------------------------------------


async def _difference(server: Served, tries: int) -> float:
    """By how much three refusals differ in time, as a share of the time they take.

    The median of the differences within each round, in which all three are tried in changing order: what else the
    machine does in the meantime slows all three.
    """
    await Person(server, "resting@example.com").sign_up()
    known = [f"known{n}" for n in range(-(-tries // 4))]
    for name in known:
        await Person(server, f"{name}@example.com").sign_up()
    addresses = sources()
    for _ in range(5):
        await _try(server, "resting", WRONG, next(addresses))
    took: defaultdict[str, list[float]] = defaultdict(list)
    for n in range(tries):
        names = [("unknown", f"nobody{n}"), ("wrong", known[n // 4]), ("resting", "resting")]
        for kind, name in (*names[n % 3 :], *names[: n % 3]):
            source, begun = next(addresses), time.perf_counter()
            assert (await _try(server, name, WRONG, source)).status == 401
            took[kind].append(time.perf_counter() - begun)
    usual = statistics.median(took["unknown"])
    apart = [[one - other for one, other in zip(*pair, strict=True)] for pair in combinations(took.values(), 2)]
    return max(abs(statistics.median(differences)) for differences in apart) / usual


async def test_time_does_not_tell_who_has_an_account(server: Served) -> None:
    """With few tries the bound is wide: a refusal without a hash would be ten times as quick, each time."""
    seen = [await _difference(server, 20)]
    while seen[-1] >= 0.5 and len(seen) < 3:
        seen.append(await _difference(server, 20))
    assert min(seen) < 0.5


@pytest.mark.slow
async def test_five_hundred_tries_tell_nothing(server: Served) -> None:
    """The time of 500 refusals of each kind differs by less than 5 %, in the median."""
    assert await _difference(server, 500) < 0.05


@pytest.mark.slow
async def test_fifty_sign_ins_in_flight_do_not_hold_up_others(server: Served) -> None:
    """While they run, 99 of 100 pings are answered within 50 ms."""
    addresses = [f"127.0.3.{n + 1}" for n in range(50)]
    for n in range(50):
        await Person(server, f"p{n}@example.com").sign_up()
    running = [asyncio.create_task(_signing_in(server, f"p{n}", address)) for n, address in enumerate(addresses)]
    pings: list[float] = []
    while not all(task.done() for task in running):
        begun = time.perf_counter()
        async with server.session.get("/ping") as answer:
            assert answer.status == 200
        pings.append(time.perf_counter() - begun)
        await asyncio.sleep(0.005)
    statuses = await asyncio.gather(*running)
    assert set(statuses) <= {200, 503}
    assert len(pings) > 20
    assert statistics.quantiles(pings, n=100)[98] < 0.05


async def _signing_in(server: Served, name: str, source: str) -> int:
    return (await _try(server, name, PASSWORD, source)).status
