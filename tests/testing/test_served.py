"""A real server for a test."""

import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pi_server import Call, Fault, Service, delete, post
from pi_server.config import ConfigError
from pi_server.security import Sessions
from pi_server.server.assembly import PluginsFailed
from pi_server.testing import FakeProvider, Served, api_records, assert_pairs, serve
from tests.testing.sample import AccountWithdrawal, Broken, FXRates2, Latest, Table, Withdraw, WithdrawResult

ORDER = {"account": "42", "amount": "10"}


def bank(answer: Any = None) -> AccountWithdrawal:
    """The service with a fake bank."""
    answered = answer or WithdrawResult(TraceNo="T1", Balance=Decimal("5.00"))
    return AccountWithdrawal(bank=FakeProvider({Withdraw: answered}))


async def test_an_instance_answers_over_http() -> None:
    """Chain, input, envelope and access log are the server's own; no entry point is needed."""
    async with serve(bank()) as server:
        asking = {**server.headers, "activityid": "c-1"}
        async with server.session.post("/api/account/v1.0/withdraw", json=ORDER, headers=asking) as response:
            assert response.status == 200
            assert await response.json() == {"data": {"trace": "T1", "balance": "5.00"}, "correlationId": "c-1"}
        (told,) = await server.access_log()
    assert "/api/account/v1.0/withdraw | c-1 | test" in told
    assert " 200 " in told
    assert server.api_log == []  # a fake provider has no exchanges


async def test_the_chain_is_real() -> None:
    """Without the token there is no way in, and a fault is told in the envelope."""
    async with serve(bank(Fault("no_funds", 409))) as server:
        async with server.session.post("/api/account/v1.0/withdraw", json=ORDER) as response:
            assert response.status == 401
        async with server.session.post("/api/account/v1.0/withdraw", json=ORDER, headers=server.headers) as response:
            assert response.status == 409
            assert (await response.json())["error"]["code"] == "no_funds"
        assert len(await server.access_log(2)) == 2


async def test_a_class_is_bound_from_its_section(rest_provider: str) -> None:
    """A class gets a real provider, whose exchanges are in the API log."""
    market = {"company": "market", "endpoint": rest_provider, "timeout": "5s"}
    async with serve(FXRates2, config={"services": {"fx_rates2": {"market": market}}}) as server:
        async with server.session.get("/rates/EUR", headers=server.headers) as response:
            assert response.status == 200
            assert (await response.json())["data"]["rates"]["USD"] == "1.2500"
        records = api_records(server.api_log)
    assert [record.flow for record in records] == ["REQUEST_OUT_PI", "RESPONSE_IN_PI"]
    assert_pairs(records)
    assert records[0].fields["apiName"] == "fxRates2"


async def test_several_services_are_served_together() -> None:
    """Each below its own root."""
    rates = FXRates2(market=FakeProvider({Latest: Table(base="EUR", rates={})}))
    async with serve(bank(), rates) as server:
        for verb, path, body in (("POST", "/api/account/v1.0/withdraw", ORDER), ("GET", "/rates/EUR", None)):
            async with server.session.request(verb, path, json=body, headers=server.headers) as response:
                assert response.status == 200


async def test_the_configuration_is_merged() -> None:
    """What the test gives counts more than what is set for it, key by key."""
    config: dict[str, Any] = {
        "tokens": {"test": {"scopes": []}},
        "services": {"account_withdrawal": {"envelope": "problem", "root": "/elsewhere"}},
    }
    async with (
        serve(bank(), config=config) as server,
        server.session.post("/elsewhere/withdraw", json=ORDER, headers=server.headers) as response,
    ):
        assert response.status == 403
        assert response.content_type == "application/problem+json"


async def test_files_are_written_where_the_test_wants_them(tmp_path: Path) -> None:
    """With a directory given, configuration and logs stay there after the server has gone."""
    async with serve(bank(), directory=tmp_path) as server, server.session.get("/nowhere") as response:
        assert response.status == 404
    assert (tmp_path / "config.yaml").is_file()
    assert server.logs.is_relative_to(tmp_path)
    assert "/nowhere" in (server.logs / "access.log").read_text()


async def test_nothing_is_left_behind() -> None:
    """After the block the port is closed, the directory gone and logging as it was."""
    before = logging.getLogger().level, list(logging.getLogger().handlers)
    async with serve(bank()) as server:
        pass
    assert not server.logs.exists()
    assert (logging.getLogger().level, list(logging.getLogger().handlers)) == before
    async with serve(bank()) as other:
        with pytest.raises(OSError, match="onnect"):
            await _ask(other, server.url)


async def _ask(asker: Served, url: str) -> None:
    from aiohttp import ClientSession

    assert asker.url != url
    async with ClientSession() as session, session.get(f"{url}/ping"):
        pass


async def test_what_cannot_be_served_fails_at_once() -> None:
    """A service that does not bind or start, wrong configuration and equal names are errors of the test."""
    with pytest.raises(PluginsFailed) as caught:
        await _enter(FXRates2)
    assert "bind: services.fx_rates2.market: is missing" in "".join(caught.value.__notes__)
    with pytest.raises(PluginsFailed):
        await _enter(Broken())
    with pytest.raises(ConfigError, match="timeuot"):
        await _enter(bank(), config={"server": {"timeuot": "1s"}})
    with pytest.raises(ValueError, match="same name"):
        await _enter(bank(), bank())
    with pytest.raises(PluginsFailed):
        await _enter(bank(), config={"services": {"account_withdrawal": {"bank": {"endpoint": "http://x"}}}})


async def _enter(*services: Any, config: Any = None) -> None:
    async with serve(*services, config=config or {}):
        pass


async def test_an_access_line_that_does_not_come_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for more lines than there are is told."""
    monkeypatch.setattr("pi_server.testing.served._ACCESS_LOG_LIMIT", 0.05)
    async with serve(bank()) as server:
        with pytest.raises(TimeoutError):
            await server.access_log()


class Desk(Service):
    """Signs in and out."""

    root = "/desk"
    sessions: Sessions

    @post("/guests", public=True)
    async def come_in(self, call: Call, name: str) -> None:
        """Sign in."""
        await self.sessions.open(call, name)

    @delete("/guests")
    async def leave(self, call: Call) -> None:
        """Sign out."""
        await self.sessions.close(call)


async def test_its_session_is_a_browser() -> None:
    """It keeps cookies, and ``page`` holds what a page of the site sends; without that a change is refused."""
    people = {"chains": {"people": ["session", "csrf"]}, "services": {"desk": {"chain": "people"}}}
    async with serve(Desk, config=people) as server:
        assert server.page == {"Origin": server.url}
        for headers, status in ((None, 403), (server.page, 204)):
            async with server.session.post("/desk/guests", json={"name": "ann"}, headers=headers) as response:
                assert response.status == status
        assert server.page.keys() == {"Origin", "x-csrf-token"}
        for given, status in ((None, 403), (server.page, 204), (server.page, 401)):
            async with server.session.delete("/desk/guests", headers=given) as response:
                assert response.status == status
        assert server.page == {"Origin": server.url}
