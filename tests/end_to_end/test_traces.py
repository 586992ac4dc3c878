"""The trace of a call reaches its provider."""

import re
from typing import Any

import pytest
from pydantic import BaseModel

from pi_server import Call, RestMessage, RestProvider, Service, get
from pi_server.testing import Serve

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Heard(BaseModel):
    """What the provider was told."""

    headers: dict[str, str]


class Echo(RestMessage[Heard], path="/echo/trace"):
    """Ask what arrives."""


class Asking(Service):
    """Asks once."""

    root = "/asking"
    market: RestProvider

    @get("/up", public=True)
    async def up(self, call: Call) -> Heard:
        """Tell what the provider was told."""
        return await self.market.send(call, Echo())


async def _told(serve: Serve, provider: str, given: dict[str, str], **market: Any) -> tuple[str | None, str]:
    """The header as the provider got it, and the correlation id."""
    section = {"services": {"asking": {"market": {"endpoint": provider, **market}}}}
    async with serve(Asking, config=section) as server:
        async with server.session.get("/asking/up", headers=given) as response:
            assert response.status == 200, await response.text()
            body = await response.json()
        records = [line for line in server.api_log if "REQUEST_OUT_PI" in line]
        headers = {name.lower(): value for name, value in body["data"]["headers"].items()}
        assert all(("traceparent=" in line) == ("traceparent" in headers) for line in records)
        return headers.get("traceparent"), body["correlationId"]


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_a_trace_is_passed_on(serve: Serve, rest_provider: str, flags: str) -> None:
    """With the consumer's id and flags, a span of its own, and a line in the API log."""
    given = {"traceparent": f"00-{TRACE}-{SPAN}-{flags}", "activityid": "call-1"}
    told, _ = await _told(serve, rest_provider, given)
    match = FORM.fullmatch(told or "")
    assert match
    assert (match[1], match[3]) == (TRACE, flags)
    assert match[2] not in (SPAN, "0" * 16)


@pytest.mark.parametrize(
    "spoilt",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
    ],
)
async def test_what_is_not_valid_is_as_if_it_were_not_there(serve: Serve, rest_provider: str, spoilt: str) -> None:
    """A trace begins here, known by the correlation id."""
    id_ = "0af7651916cd43dd8448eb211c80319c"
    told, correlation_id = await _told(serve, rest_provider, {"activityid": id_, "traceparent": spoilt})
    match = FORM.fullmatch(told or "")
    assert match
    assert (match[1], match[3], correlation_id) == (id_, "01", id_)


async def test_a_correlation_id_of_another_form_still_makes_a_trace(serve: Serve, rest_provider: str) -> None:
    """The same call is always the same trace."""
    first, _ = await _told(serve, rest_provider, {"activityid": "call-1"})
    second, _ = await _told(serve, rest_provider, {"activityid": "call-1"})
    assert first
    assert second
    assert first[:36] == second[:36]
    assert first != second


async def test_a_provider_can_do_without(serve: Serve, rest_provider: str) -> None:
    """Its section switches it off."""
    told, _ = await _told(serve, rest_provider, {"traceparent": f"00-{TRACE}-{SPAN}-01"}, traceparent=False)
    assert told is None
