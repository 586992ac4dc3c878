"""What a provider is shown, what its token endpoint is asked, and that no log holds any of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pi_server import Call, RestMessage, RestProvider, Service, get, post
from pi_server.providers.credentials.credential import basic
from pi_server.server.assembly import PluginsFailed
from pi_server.testing import Serve, Served
from tests.canaries import BIRD, canary, escaped, written_below
from tests.parts.forward_proxy import forward_proxy
from tests.parts.processes import free_port
from tests.parts.rest_provider import Asked, whole
from tests.parts.small_server import answering
from tests.parts.token_endpoint import Issuer


class Table(BaseModel):
    """What the market answers."""

    base: str
    rates: dict[str, Decimal]


class Latest(RestMessage[Table], path="/latest/EUR"):
    """What the market is asked."""

    symbols: str = "USD"


class Order(RestMessage[Table], path="/orders", verb="POST"):
    """What must not be done twice."""


class Market(Service):
    """Hands on what the market does."""

    root = "/market"
    exchange: RestProvider

    @get("/", public=True)
    async def ask(self, call: Call) -> Table:
        """Ask for the table."""
        return await self.exchange.send(call, Latest())

    @post("/", public=True)
    async def order(self, call: Call) -> Table:
        """Order something."""
        return await self.exchange.send(call, Order())

    @post("/once", once=True)
    async def order_once(self, call: Call) -> Table:
        """Order something, however often it is asked for."""
        return await self.exchange.send(call, Order())


def _config(endpoint: str, auth: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    exchange = {"endpoint": endpoint, "company": "market", "timeout": "2s", "auth": auth, **more}
    return {"services": {"market": {"exchange": exchange}}}


def _oauth2(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "oauth2", "url": f"{url}/token", "client_id": "us", "client_secret": canary(), **more}


def _records(server: Served, name: str = "") -> list[dict[str, Any]]:
    records = [json.loads(line.partition("{API_LOG} ")[2]) for line in server.api_log]
    return [one for one in records if name in ("", one["endpointName"])]


async def _statuses(server: Served, times: int = 1, verb: str = "GET") -> list[int]:
    async def one() -> int:
        async with server.session.request(verb, "/market/") as response:
            await response.read()
            return response.status

    return await asyncio.gather(*(one() for _ in range(times)))


@pytest.fixture
def issuer() -> Issuer:
    """What gives out tokens, and what believes in them."""
    return Issuer()


@pytest.fixture
async def login(issuer: Issuer) -> AsyncIterator[str]:
    """The address of the token endpoint."""
    async with answering(issuer.token) as url:
        yield url


@pytest.fixture
async def exchange(issuer: Issuer) -> AsyncIterator[str]:
    """The address of the provider that wants tokens."""
    async with answering(issuer.provide) as url:
        yield url


# --- credentials that do not change -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ({"kind": "api_key", "header": "X-Branch", "key": canary()}, "X-Branch=***"),
        ({"kind": "basic", "user": canary(), "password": canary()}, "Authorization=***"),
        ({"kind": "bearer", "token": canary()}, "Authorization=***"),
    ],
)
async def test_a_header_is_on_record_without_its_value(
    serve: Serve, rest_provider: str, tmp_path: Path, auth: dict[str, str], shown: str
) -> None:
    """The record tells that there was a credential, and no log tells which."""
    async with serve(Market, config=_config(rest_provider, auth), directory=tmp_path) as server:
        assert await _statuses(server) == [200]
        assert shown in _records(server)[0]["headers"]
    assert escaped(written_below(tmp_path), (BIRD, basic(auth.get("user", ""), auth.get("password", "")))) == []


async def test_a_key_in_the_query_is_on_record_without_its_value(
    serve: Serve, rest_provider: str, tmp_path: Path
) -> None:
    """Both records have the endpoint with a mark in the place of the key, whatever the parameter is called."""
    auth = {"kind": "api_key", "query": "branch", "key": canary()}
    async with serve(Market, config=_config(rest_provider, auth), directory=tmp_path) as server:
        assert await _statuses(server) == [200]
        endpoints = {record["endpoint"] for record in _records(server)}
    assert endpoints == {f"{rest_provider}/latest/EUR?symbols=USD&branch=***"}
    away = _config(f"http://127.0.0.1:{free_port()}", auth)
    async with serve(Market, config=away, directory=tmp_path) as server:
        assert await _statuses(server) == [502]
    assert escaped(written_below(tmp_path)) == []


async def test_a_key_in_the_query_goes_to_every_endpoint(serve: Serve, rest_provider: str, tmp_path: Path) -> None:
    """Where one endpoint is away the next is asked, with the key, and the records of both have the mark."""
    auth = {"kind": "api_key", "query": "branch", "key": canary()}
    seen: list[str] = []

    def answer(asked: Asked) -> bytes:
        seen.append(asked.target)
        return whole(b'{"base": "EUR", "rates": {}}')

    async with answering(answer) as url:
        config = _config(f"http://127.0.0.1:{free_port()}", auth, fallbacks=[url], retry={"times": 0})
        async with serve(Market, config=config, directory=tmp_path) as server:
            assert await _statuses(server) == [200]
            assert all(record["endpoint"].endswith("?symbols=USD&branch=***") for record in _records(server))
            assert len(_records(server)) == 4
    assert seen == [f"/latest/EUR?symbols=USD&branch={auth['key']}"]
    assert escaped(written_below(tmp_path)) == []


@pytest.mark.parametrize("word", ["changeme", "secret", "Password"])
async def test_a_secret_that_everybody_knows_is_refused(serve: Serve, word: str) -> None:
    """A sample left in the configuration stops the service at start; its key is told, not the value."""
    auth = {"kind": "basic", "user": "us", "password": word}
    with pytest.raises(PluginsFailed) as caught:
        async with serve(Market, config=_config("http://market.example", auth)):
            pass
    (failure,) = caught.value.plugins[0].failures
    assert "everybody knows the value of auth.password" in failure.reason


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_a_hundred_calls_need_one_token(
    serve: Serve, issuer: Issuer, login: str, exchange: str, tmp_path: Path
) -> None:
    """The endpoint is asked once, on record as a pair of its own without payloads; no log holds secret or token."""
    auth = _oauth2(login, scope="rates.read rates.list", audience="https://market.example")
    config = _config(exchange, auth, connections=100)
    async with serve(Market, config=config, directory=tmp_path) as server:
        assert await _statuses(server, 100) == [200] * 100
        assert await _statuses(server) == [200]
        request, answer = _records(server, "exchange.auth")
    assert len(issuer.asked) == 1
    assert issuer.asked[0].headers["authorization"] == basic("us", auth["client_secret"])
    assert issuer.form == {
        "grant_type": "client_credentials",
        "scope": "rates.read rates.list",
        "audience": "https://market.example",
    }
    assert (request["flow"], request["endpoint"], request["payload"]) == ("REQUEST_OUT_PI", f"{login}/token", "")
    assert (answer["flow"], answer["statusCode"], answer["payload"]) == ("RESPONSE_IN_PI", 200, "")
    assert "Authorization=***" in request["headers"]
    assert escaped(written_below(tmp_path), (BIRD, basic("us", auth["client_secret"]))) == []


async def test_name_and_secret_may_go_in_the_body(
    serve: Serve, issuer: Issuer, login: str, exchange: str, tmp_path: Path
) -> None:
    """``shown_in: body``: both are in the form and not in a header; no log holds them."""
    auth = _oauth2(login, shown_in="body")
    async with serve(Market, config=_config(exchange, auth), directory=tmp_path) as server:
        assert await _statuses(server) == [200]
    assert "authorization" not in issuer.asked[0].headers
    assert issuer.form == {
        "grant_type": "client_credentials",
        "client_id": "us",
        "client_secret": auth["client_secret"],
    }
    assert escaped(written_below(tmp_path)) == []


@pytest.mark.parametrize(("verb", "again", "status"), [("GET", False, 200), ("POST", False, 502), ("POST", True, 200)])
async def test_after_a_401_only_what_may_be_is_sent_again(
    serve: Serve, issuer: Issuer, login: str, exchange: str, verb: str, again: bool, status: int
) -> None:
    """A token that was taken back is replaced; the exchange follows once more if it is repeatable or declared so."""
    async with serve(Market, config=_config(exchange, _oauth2(login, again=again))) as server:
        assert await _statuses(server, verb=verb) == [200]
        issuer.given.append("taken back")
        await asyncio.sleep(1.1)  # a token that is refused when it is new is not worth another
        assert await _statuses(server, verb=verb) == [status]
        assert await _statuses(server, verb=verb) == [200]
        told = [record["statusCode"] for record in _records(server, "exchange") if "statusCode" in record]
    assert told == ([200, 401, 200, 200] if status == 200 else [200, 401, 200])
    assert len(issuer.asked) == 2


async def test_a_provider_that_refuses_every_token_is_asked_once_a_call(
    serve: Serve, issuer: Issuer, login: str
) -> None:
    """A 401 to a new token is the provider's answer, and no reason to ask for more tokens."""
    async with (
        answering(lambda asked: whole(b"{}", 401)) as exchange,
        serve(Market, config=_config(exchange, _oauth2(login))) as server,
    ):
        assert await _statuses(server, 5) == [502] * 5
        assert len(_records(server, "exchange")) == 10
    assert len(issuer.asked) == 1


def _refusing() -> bytes:
    return whole(json.dumps({"error": "invalid_client", "error_description": canary()}).encode(), 401)


def _of_another_type() -> bytes:
    return whole(json.dumps({"access_token": canary(), "token_type": "mac"}).encode())


def _broken() -> bytes:
    return whole(json.dumps({"access_token": f"{canary()}\r\nX: y", "expires_in": "soon"}).encode())


@pytest.mark.parametrize(
    ("instead", "answer", "told"),
    [
        (_refusing, (502, "no_access"), "no_access: HTTP 401 invalid_client"),
        (_of_another_type, (502, "no_access"), "no_access: the answer cannot be used: token_type"),
        (_broken, (502, "no_access"), "no_access: the answer cannot be used: access_token, expires_in"),
        (lambda: whole(b"<html>", 200, "text/html"), (502, "no_access"), "cannot be used: the answer"),
        (lambda: b"no HTTP\r\n\r\n", (502, "malformed"), "malformed: "),
        (lambda: whole(b" " * 100_000), (502, "too_large"), "too_large: "),
        (lambda: None, (504, "timeout"), "timeout: "),
    ],
)
async def test_an_endpoint_that_gives_no_token_is_a_failed_provider(
    serve: Serve, issuer: Issuer, login: str, tmp_path: Path, instead: Any, answer: tuple[int, str], told: str
) -> None:
    """All who wait get the mapped fault; the provider is not asked; one line tells the reason, none a secret."""
    issuer.instead = instead
    config = _config("http://127.0.0.1:9", _oauth2(login), timeout="400ms" if answer[0] == 504 else "20s")
    async with serve(Market, config=config, directory=tmp_path) as server:
        async with server.session.get("/market/") as response:
            assert (await response.json())["error"]["code"] == f"provider_{answer[1]}"
        assert await _statuses(server, 10) == [answer[0]] * 10
        assert {record["endpointName"] for record in _records(server)} == {"exchange.auth"}
        errors = (server.logs / "error.log").read_text()
    assert len(
        [line for line in errors.splitlines() if " ERROR " in line and "exchange.auth: " in line and told in line]
    ) == len(issuer.asked)
    assert len(issuer.asked) < 5  # a failure is remembered for a second
    assert "Traceback" not in errors
    assert escaped(written_below(tmp_path)) == []


async def test_an_endpoint_out_of_reach_is_a_provider_out_of_reach(serve: Serve) -> None:
    """Nothing listens there: 502, a closed pair, and one line in the error log."""
    auth = _oauth2(f"http://127.0.0.1:{free_port()}")
    async with serve(Market, config=_config("http://127.0.0.1:9", auth)) as server:
        assert await _statuses(server) == [502]
        assert [record.get("statusCode") for record in _records(server)] == [None, 502]
        errors = (server.logs / "error.log").read_text()
    assert errors.count("exchange.auth: unreachable") == 1


async def test_tokens_pass_through_the_providers_proxy(
    serve: Serve, issuer: Issuer, login: str, exchange: str, tmp_path: Path
) -> None:
    """Endpoint and provider are asked through one proxy, whose password is in no log and in no request beyond it."""
    secret = canary()
    async with forward_proxy(basic("us", secret)) as proxy:
        more = {"proxy": proxy.url, "proxy_user": "us", "proxy_password": secret}
        config = _config(exchange, _oauth2(login), **more)
        async with serve(Market, config=config, directory=tmp_path) as server:
            assert await _statuses(server) == [200]
        assert [head.split()[1] for head in proxy.asked] == [f"{login}/token", f"{exchange}/latest/EUR?symbols=USD"]
    assert escaped(written_below(tmp_path), (BIRD, basic("us", secret))) == []


async def test_what_had_no_token_may_be_repeated(serve: Serve, issuer: Issuer, login: str, exchange: str) -> None:
    """Without a token nothing has left, so an operation that must happen once can be asked for again, and does."""
    issuer.instead = _refusing
    async with serve(Market, config=_config(exchange, _oauth2(login))) as server:

        async def order(key: str) -> int:
            headers = {**server.headers, "Idempotency-Key": key}
            async with server.session.post("/market/once", headers=headers) as response:
                return response.status

        keys = ("first-0123456789", "other-0123456789")
        assert await asyncio.gather(*map(order, keys)) == [502, 502]
        issuer.instead = None
        await asyncio.sleep(1.1)  # a failure is remembered for a second
        assert await asyncio.gather(*map(order, keys)) == [200, 200]
        assert len(_records(server, "exchange")) == 4


# --- warnings ---------------------------------------------------------------------------------------------------------


async def test_a_provider_that_anybody_can_pose_as_is_warned_of_at_start(serve: Serve, rest_provider: str) -> None:
    """S-87: one line for each start and provider, with the key that does it."""
    async with serve(Market, config=_config(rest_provider, None, unsafe_accept_any_certificate=True)) as server:
        errors = (server.logs / "error.log").read_text().splitlines()
    (line,) = [line for line in errors if "WARNING" in line]
    assert line.endswith("services.market.exchange.unsafe_accept_any_certificate: anybody can pose as this provider")
