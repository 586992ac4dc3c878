"""The header in which a consumer says how long it waits."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pi_server import Call, Service, get
from pi_server.testing import Serve, Served


class Waiting(Service):
    """Tells how much time a call has."""

    root = "/waiting"

    @get("/left", public=True)
    async def left(self, call: Call) -> float:
        """Seconds to the deadline."""
        return call.deadline.at - asyncio.get_running_loop().time()

    @get("/hurried", public=True)
    async def hurried(self, call: Call) -> bool:
        """Whether the consumer shortened it."""
        return call.hurried

    @get("/long", public=True)
    async def long(self, call: Call) -> str:
        """Longer than anybody waits."""
        await asyncio.sleep(600)
        return "late"


@pytest.fixture
async def waiting(serve: Serve) -> AsyncIterator[Served]:
    """The service behind a server that allows a minute."""
    async with serve(Waiting, config={"services": {"waiting": {"timeout": "60s"}}}) as served:
        yield served


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [(None, 40, 60), ("20000", 0, 20), ("60000", 40, 60), ("9999999999", 40, 60), ("00020000", 0, 20)],
)
async def test_it_only_shortens(waiting: Served, told: str | None, least: float, most: float) -> None:
    """The operator's time counts where the consumer has more."""
    headers = {} if told is None else {"x-timeout-ms": told}
    async with waiting.session.get("/waiting/left", headers=headers) as response:
        assert least < float((await response.json())["data"]) <= most
    async with waiting.session.get("/waiting/hurried", headers=headers) as response:
        assert (await response.json())["data"] is (most < 60)


@pytest.mark.parametrize("told", ["", " ", "-1", "+1", "1.5", "2s", "1e3", "0x10", "soon", "1" * 11, "%d9%a7", "1,2"])
async def test_what_is_no_number_of_milliseconds_is_refused(waiting: Served, told: str) -> None:
    """With 400, the correlation id, and no trace in the log."""
    async with waiting.session.get("/waiting/left", headers={"x-timeout-ms": told}) as response:
        body = await response.json()
        assert (response.status, body["error"]["code"]) == (400, "invalid_timeout")
        assert body["correlationId"] == response.headers["activityid"]
    assert not (waiting.logs / "error.log").read_text()


@pytest.mark.parametrize("told", ["0", "200"])
async def test_the_call_ends_when_the_consumer_waits_no_longer(waiting: Served, told: str) -> None:
    """504, and long before the operator's time is over."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    async with waiting.session.get("/waiting/long", headers={"x-timeout-ms": told}) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (504, "timeout")
    assert clock() - begun < 30
