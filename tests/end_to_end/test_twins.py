"""What answers in place of a provider: the same contract whoever does, and failures on demand."""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pi_account_withdrawal.service import AccountWithdrawal
from pi_exchange_rates.service import ExchangeRates
from pi_server.config import ConfigError
from pi_server.server.assembly import PluginsFailed
from pi_server.testing import Serve, Served, api_records, assert_pairs
from tests.parts.fixtures import HERE as PARTS
from tests.parts.processes import script

NOWHERE = "http://127.0.0.1:9"
WITHDRAW, LATEST = "/api/account/v1.0/withdraw", "/api/rates/v1.0/latest/EUR?symbols=USD&symbols=GBP"
HEADER = "x-pi-sandbox"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bank of its own, whose accounts no other test counts on."""
    with script(PARTS / "soap_provider.py", tmp_path_factory.mktemp("bank")) as url:
        yield url


def _config(bank: str, market: str, **provider: str) -> dict[str, Any]:
    soap = {"endpoint": f"{bank}/soap12/", "wsdl": "files/withdraw.wsdl", "company": "bank", "timeout": "400ms"}
    return {
        "services": {
            "account_withdrawal": {"bank": {**soap, **provider}},
            "exchange_rates": {"market": {"endpoint": market, "timeout": "400ms", **provider}},
        }
    }


async def _ask(server: Served, verb: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    given = {**server.headers, **headers}
    async with server.session.request(verb, path, json=body, headers=given) as response:
        answer: dict[str, Any] = await response.json()
        return response.status, answer


async def _contract(server: Served) -> None:
    """What both services promise their consumers."""
    status, answer = await _ask(server, "POST", WITHDRAW, {"account": "1001", "amount": "0.01"})
    assert status == 200
    assert answer["data"]["trace"]
    assert Decimal(answer["data"]["balance"]) > 0
    status, answer = await _ask(server, "POST", WITHDRAW, {"account": "1001", "amount": "5000"})
    assert (status, answer["error"]["code"]) == (409, "insufficient_funds")
    status, answer = await _ask(server, "GET", LATEST)
    assert status == 200
    assert {name: Decimal(rate) for name, rate in answer["data"]["rates"].items()} == {
        "USD": Decimal("1.25"),
        "GBP": Decimal("0.8"),
    }


@asynccontextmanager
async def _served(serve: Serve, config: dict[str, Any], directory: Path) -> AsyncGenerator[Served]:
    async with serve(AccountWithdrawal, ExchangeRates, config=config, directory=directory) as server:
        yield server
        assert_pairs(api_records(server.api_log))


def _endpoints(server: Served) -> set[str]:
    return {str(record.fields["endpoint"]).partition("http")[0] for record in api_records(server.api_log)}


@pytest.mark.parametrize("mode", ["live", "mock"])
async def test_the_contract_holds_on(serve: Serve, tmp_path: Path, bank: str, rest_provider: str, mode: str) -> None:
    """The real providers, and the plugins' stand-ins where there is no provider at all."""
    live = mode == "live"
    config = _config(bank if live else NOWHERE, rest_provider if live else NOWHERE, mode=mode)
    async with _served(serve, config, tmp_path) as server:
        await _contract(server)
        assert _endpoints(server) == ({""} if live else {"mock:"})


async def test_the_contract_holds_on_what_was_recorded(
    serve: Serve, tmp_path: Path, bank: str, rest_provider: str
) -> None:
    """Recorded from the real providers, and answered again when they are gone; what nobody asked before is told."""
    async with _served(serve, _config(bank, rest_provider, mode="record"), tmp_path) as server:
        await _contract(server)
        assert _endpoints(server) == {""}
    kept = sorted(path.parent.relative_to(tmp_path) for path in tmp_path.rglob("recordings/**/*.json"))
    banks, markets = Path("var/recordings/account_withdrawal/bank"), Path("var/recordings/exchange_rates/market")
    assert kept == [banks, banks, markets]
    (tmp_path / "var/logs/api.log").unlink()
    async with _served(serve, _config(NOWHERE, NOWHERE, mode="replay"), tmp_path) as server:
        await _contract(server)
        assert _endpoints(server) == {"replay:"}
        status, answer = await _ask(server, "GET", "/api/rates/v1.0/latest/USD")
        assert (status, answer["error"]["code"]) == (502, "provider_unprepared")
        assert "nothing is recorded for GET /latest/USD" in (server.logs / "error.log").read_text()


async def test_recordings_hold_no_secret(serve: Serve, tmp_path: Path, rest_provider: str) -> None:
    """They are masked as the API log is, and no header of the configuration is in them."""
    config = _config(NOWHERE, rest_provider, mode="record")
    config["services"]["exchange_rates"]["market"]["headers"] = {"X-Branch": "canary-4711"}
    config["logs"] = {"mask": {"json": ["$.rates.USD"]}}
    async with _served(serve, config, tmp_path) as server:
        assert (await _ask(server, "GET", LATEST))[0] == 200
    [file] = tmp_path.rglob("recordings/**/*.json")
    kept = file.read_text()
    assert "canary-4711" not in kept
    assert json.loads(json.loads(kept)["response"]["body"])["rates"]["USD"] == "***"
    assert file.stat().st_mode & 0o777 == 0o640


FAULTS = {
    "timeout": (504, "provider_timeout"),
    "delay=2s": (504, "provider_timeout"),
    "mock, delay=50ms": (200, None),
    "fault=INSUFFICIENT": (409, "insufficient_funds"),
    "fault=OTHER": (502, "provider_fault"),
    "half-body": (502, "provider_malformed"),
    "wrong-type": (502, "provider_malformed"),
    "status=503": (502, "provider_failed"),
    "reset": (502, "provider_unreachable"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_provider_fails_as_configured(serve: Serve, tmp_path: Path, fault: str) -> None:
    """The consumer gets what a real failure would give it, and the records say that it was none."""
    async with _served(serve, _config(NOWHERE, NOWHERE, mode="fault", fault=fault), tmp_path) as server:
        status, answer = await _ask(server, "POST", WITHDRAW, {"account": "1001", "amount": "0.01"})
        assert (status, answer.get("error", {}).get("code")) == FAULTS[fault]
        assert _endpoints(server) == {"fault:"}


@pytest.mark.parametrize(("mode", "status"), [("mock", 200), ("record", 502)])
async def test_no_token_is_asked_for_where_the_provider_is_not(
    serve: Serve, tmp_path: Path, mode: str, status: int
) -> None:
    """A mock needs no token endpoint, and what one answers is no part of a recording."""
    config = _config(NOWHERE, NOWHERE, mode=mode)
    auth = {"kind": "oauth2", "url": f"{NOWHERE}/token", "client_id": "us", "client_secret": "known-to-nobody-0815"}
    config["services"]["exchange_rates"]["market"]["auth"] = auth
    async with _served(serve, config, tmp_path) as server:
        assert (await _ask(server, "GET", LATEST))[0] == status
    assert list(tmp_path.rglob("recordings/**/*.json")) == []


async def test_a_consumer_chooses_call_by_call(serve: Serve, tmp_path: Path, rest_provider: str) -> None:
    """Where the configuration lets it; without the header, the provider itself answers."""
    config = {**_config(NOWHERE, rest_provider), "sandbox": {"header": HEADER}}
    async with _served(serve, config, tmp_path) as server:
        for asked, expected in (("mock", 200), ("status=503", 502), ("record", 200), ("replay", 200), (None, 200)):
            status, _ = await _ask(server, "GET", LATEST, **({HEADER: asked} if asked else {}))
            assert status == expected, asked
        assert _endpoints(server) == {"", "mock:", "replay:", "fault:"}
        for wrong in ("moc", "fault", "status=700", "mock, live", "delay=", "fault=<a/>"):
            status, answer = await _ask(server, "GET", LATEST, **{HEADER: wrong})
            assert (status, answer["error"]["code"]) == (400, "invalid_play"), wrong
            assert "live, mock, record or replay" in answer["error"]["details"][0]["reason"] or wrong == "delay="


async def test_the_header_is_nothing_where_it_is_not_configured(
    serve: Serve, tmp_path: Path, rest_provider: str
) -> None:
    """By default no consumer can choose."""
    async with _served(serve, _config(NOWHERE, rest_provider), tmp_path) as server:
        assert (await _ask(server, "GET", LATEST, **{HEADER: "status=503"}))[0] == 200
        assert _endpoints(server) == {""}


@pytest.mark.parametrize("mode", [{"mode": "mock"}, {"mode": "replay"}, {"mode": "fault", "fault": "reset"}])
async def test_nothing_stands_in_for_a_provider_in_production(
    serve: Serve, tmp_path: Path, mode: dict[str, str]
) -> None:
    """Such a plugin is not served."""
    config = {**_config(NOWHERE, NOWHERE, **mode), "server": {"production": True}}
    with pytest.raises(PluginsFailed) as caught:
        async with _served(serve, config, tmp_path):
            pass
    assert "cannot be used while server.production is true" in caught.value.__notes__[0]


async def test_no_consumer_chooses_in_production(serve: Serve, tmp_path: Path) -> None:
    """The server does not start."""
    config = {**_config(NOWHERE, NOWHERE), "server": {"production": True}, "sandbox": {"header": HEADER}}
    with pytest.raises(ConfigError, match=r"sandbox.header: cannot be used while server.production is true"):
        async with _served(serve, config, tmp_path):
            pass
