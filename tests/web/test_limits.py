"""How much consumers may ask for: calls at once, and calls in a time."""

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from pi_server import Call, Service, get
from pi_server.domain.call import Call as Begun
from pi_server.domain.consumer import Consumer, ConsumerKind
from pi_server.domain.faults import StoreUnavailable
from pi_server.stores.rate_counters import LocalRates
from pi_server.web.middleware.in_flight import in_flight
from pi_server.web.middleware.rate_limit import by_address, by_consumer, by_operation, rate_limit
from pi_server.web.state import CALL, CONSUMER
from tests.parts.waiting import until
from tests.web.chained import Chained, as_consumer, chained, code_of


class Desk(Service):
    """Is slow, quick or broken."""

    root = "/desk"
    seen: asyncio.Event

    @get("/slow", public=True)
    async def slow(self, call: Call) -> str:
        """Wait until the test has seen enough."""
        await self.seen.wait()
        return "slow"

    @get("/quick", public=True)
    async def quick(self, call: Call) -> str:
        """Answer at once."""
        return "quick"

    @get("/broken", public=True)
    async def broken(self, call: Call) -> str:
        """Fail."""
        raise RuntimeError


async def test_more_calls_than_the_worker_takes_are_refused_at_once() -> None:
    """Those beyond the cap get 503 with Retry-After while the others still run; there is no queue."""
    service = Desk(seen=asyncio.Event())
    async with chained(service, inside=(in_flight(3),)) as desk:
        asked = [asyncio.create_task(desk.ask("GET", "/desk/slow")) for _ in range(10)]
        await until(lambda: sum(one.done() for one in asked) == 7)
        service.seen.set()
        answers = await asyncio.gather(*asked)
    assert sorted(status for status, _, _ in answers) == [200] * 3 + [503] * 7
    _, headers, body = next(answer for answer in answers if answer[0] == 503)
    assert (headers["retry-after"], code_of(body)) == ("1", "busy")


async def test_what_fails_vanishes_or_is_no_operation_gives_its_place_back() -> None:
    """After any number of failures and vanished consumers there is room again."""
    service = Desk(seen=asyncio.Event())
    async with chained(service, inside=(in_flight(1),)) as desk:
        for path, status in (("/desk/broken", 500), ("/desk/nowhere", 404), ("/desk/broken", 500)):
            assert (await desk.ask("GET", path))[0] == status
        _, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(b"GET /desk/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        await _until_told(desk, 503)
        writer.close()
        service.seen.set()
        await _until_told(desk, 200)


async def _until_told(desk: Chained, status: int) -> None:
    async def is_told() -> bool:
        return (await desk.ask("GET", "/desk/quick"))[0] == status

    await until(is_told, status)


async def _statuses(desk: Chained, times: int, **given: Any) -> list[int]:
    return [(await desk.ask("GET", "/desk/quick", **given))[0] for _ in range(times)]


async def test_an_address_has_its_rate_also_where_nothing_is() -> None:
    """Counted before anything else is looked at: an unknown path or no credential does not go free."""
    count = LocalRates().counter("address", "4/hour")
    async with chained(Desk(seen=asyncio.Event()), inside=(rate_limit(count, by_address),)) as desk:
        assert await _statuses(desk, 3) == [200] * 3
        assert (await desk.ask("GET", "/nowhere"))[0] == 404
        status, headers, body = await desk.ask("GET", "/nowhere")
    assert (status, code_of(body)) == (429, "too_many_requests")
    assert 1 <= int(headers["retry-after"]) <= 3600


async def test_a_consumer_has_its_own_rate_and_nobody_has_none() -> None:
    """One that is refused does not keep others out; who showed no credential is not counted here."""
    count = LocalRates().counter("consumer", "2/hour")
    async with chained(Desk(seen=asyncio.Event()), inside=(as_consumer(), rate_limit(count, by_consumer))) as desk:
        assert await _statuses(desk, 3, headers={"x-consumer": "a"}) == [200, 200, 429]
        assert await _statuses(desk, 3, headers={"x-consumer": "b"}) == [200, 200, 429]
        assert await _statuses(desk, 5) == [200] * 5


async def test_an_operation_has_a_rate_for_all_consumers_together() -> None:
    """Whoever calls it."""
    count = LocalRates().counter("operation", "2/hour")
    async with chained(
        Desk(seen=asyncio.Event()), inside=(as_consumer(), rate_limit(count, by_operation("desk", "quick")))
    ) as desk:
        assert await _statuses(desk, 1, headers={"x-consumer": "a"}) == [200]
        assert await _statuses(desk, 2, headers={"x-consumer": "b"}) == [200, 429]


async def test_a_count_that_cannot_be_made_is_a_fault() -> None:
    """Where the operator chose to refuse: 503 with Retry-After."""

    async def away(_: str) -> float:
        raise StoreUnavailable("away")

    async with chained(Desk(seen=asyncio.Event()), inside=(rate_limit(away, by_address),)) as desk:
        status, headers, body = await desk.ask("GET", "/desk/quick")
    assert (status, headers["retry-after"], code_of(body)) == (503, "1", "store_unavailable")


def _key(source: str) -> str | None:
    request = make_mocked_request("GET", "/")
    request[CALL] = Begun(source=source)
    return by_address(request)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:0:abcd::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1%eth0", True),
    ],
)
def test_a_network_of_ipv6_is_one_address(one: str, other: str, same: bool) -> None:
    """2**64 addresses are not 2**64 consumers."""
    assert (_key(one) == _key(other)) is same


def test_a_call_from_nowhere_is_not_counted() -> None:
    """A unix socket has no address."""
    assert _key("") is None


def test_no_consumer_can_be_another() -> None:
    """Names may hold anything; kind and realm stand before them and hold no separator."""

    def key(name: str, kind: ConsumerKind, realm: str) -> str | None:
        request = make_mocked_request("GET", "/")
        request[CONSUMER] = Consumer(name, kind=kind, realm=realm)
        return by_consumer(request)

    people = [("b", "jwt", "a"), ("a\0b", "jwt", ""), ("\0b", "jwt", "a"), ("b", "session", "a"), ("b", "token", "")]
    assert len({key(name, kind, realm) for name, kind, realm in people}) == len(people)  # type: ignore[arg-type]
