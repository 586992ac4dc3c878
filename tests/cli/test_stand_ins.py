"""Stand-ins, asked by the product's own providers."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import BaseModel, Field

import pi_account_withdrawal
from pi_account_withdrawal.service import Insufficient, Withdraw, WithdrawResult
from pi_server import Call, Fault, RestMessage
from pi_server.config import load
from pi_server.domain.status_map import StatusMap
from pi_server.providers.build import build_provider
from pi_server.providers.provider import Provider
from pi_server.providers.settings import RestSettings, SoapSettings
from pi_server.server.sandbox.run import Sandbox
from pi_server.server.sandbox.stand_ins import StandIn, standing_in

FILES = Path(pi_account_withdrawal.__file__).parent
WSDL = {"wsdl": "files/withdraw.wsdl"}


class Echo(BaseModel):
    """What a stand-in understood."""

    heard: dict[str, Any]


class Ask(RestMessage[Echo], path="/ask/{place}"):
    """A question with its parts in path and query."""

    place: str
    many: list[int] | None = None
    one: bool | None = None
    aliased: str = Field(default="", alias="x-y")


class Tell(RestMessage[Echo], path="/tell", verb="POST"):
    """A statement in the body."""

    amount: Decimal
    inner: dict[str, list[str]]


def heard(message: BaseModel) -> Echo:
    """Answer what was heard."""
    return Echo(heard=message.model_dump(mode="json"))


async def heard_later(message: BaseModel) -> Echo:
    """The same, asynchronously."""
    return heard(message)


async def rest(address: str) -> Provider:
    """The provider the product would build for a stand-in."""
    return await build_provider(
        RestSettings(endpoint=address), files=Path(), field_name="market", status_map=StatusMap()
    )


async def test_rest_messages_arrive_as_they_were_sent() -> None:
    """Path, query and body of a message come back into an equal message, whatever characters they hold."""
    asked = Ask(place="a/b ü", many=[1, 2], one=True, **{"x-y": "&="})
    told = Tell(amount=Decimal("1.10"), inner={"a": ["b"]})
    async with standing_in("s", "market", {Ask: heard, Tell: heard_later}, {}, Path()) as stand_in:
        provider = await rest(stand_in.address)
        assert (await provider.send(Call(), asked)).heard == asked.model_dump(mode="json")
        assert (await provider.send(Call(), told)).heard == told.model_dump(mode="json")
        await provider.close()


async def test_a_stand_in_names_itself() -> None:
    """Every answer, refusals too, says that it comes from a stand-in."""
    async with (
        standing_in("s", "market", {Ask: heard}, {}, Path()) as stand_in,
        aiohttp.ClientSession(stand_in.address) as session,
    ):
        assert stand_in.address.startswith("http://127.0.0.1:")
        for path, status in (("/ask/x", 200), ("/elsewhere", 404), ("/ask/x?many=no", 400)):
            async with session.get(path) as response:
                assert (response.status, response.headers["Server"]) == (status, "pi-server stand-in")


def test_a_sandbox_leaves_no_real_endpoint(tmp_path: Path) -> None:
    """Neither the endpoint nor any that would be asked in its place."""
    (tmp_path / "config.yaml").write_text(
        "services: {shop: {market: {endpoint: https://a.example, fallbacks: [https://b.example]}}}"
    )
    sandbox = Sandbox((StandIn("shop", "market", "http://127.0.0.1:1"),), ())
    loaded = load(tmp_path / "config.yaml", {}, sandbox.overrides)
    settings = RestSettings.model_validate(loaded.config.services["shop"].plugin_keys["market"])
    assert (settings.endpoint, settings.fallbacks) == ("http://127.0.0.1:1", ())


async def test_soap_is_spoken_backwards() -> None:
    """A reply is read as the typed reply, and the model of a declared fault as that fault."""

    def withdraw(message: Withdraw) -> WithdrawResult | Insufficient:
        if message.Amount > 10:
            return Insufficient(Balance=Decimal("10.00"))
        return WithdrawResult(TraceNo=message.AccountNo, Balance=Decimal("1.50"))

    async with standing_in("s", "bank", {Withdraw: withdraw}, WSDL, FILES) as stand_in:
        settings = SoapSettings(endpoint=stand_in.address, wsdl=Path("files/withdraw.wsdl"))
        bank = await build_provider(settings, files=FILES, field_name="bank", status_map=StatusMap())
        reply = await bank.send(Call(), Withdraw(AccountNo="<&>", Amount=Decimal("1.00")))
        assert reply == WithdrawResult(TraceNo="<&>", Balance=Decimal("1.50"))
        with pytest.raises(Fault) as caught:
            await bank.send(Call(), Withdraw(AccountNo="1", Amount=Decimal(11)))
        assert caught.value.declared == Insufficient(Balance=Decimal("10.00"))
        await bank.close()


@pytest.mark.parametrize("body", [b"", b"{}", b"<a/>", b"<!DOCTYPE a><a/>"])
async def test_what_is_no_request_is_a_fault_of_the_sender(body: bytes) -> None:
    """Whatever is sent to a SOAP stand-in is answered with a SOAP Fault, never with a server's error page."""
    async with (
        standing_in("s", "bank", {Withdraw: heard}, WSDL, FILES) as stand_in,
        aiohttp.ClientSession(stand_in.address) as session,
        session.post("/ws", data=body) as response,
    ):
        assert response.status == 400
        assert "Sender" in await response.text()


@pytest.mark.parametrize(
    ("answers", "section", "reason"),
    [
        ({}, {}, "at least one"),
        ({Ask: heard, Withdraw: heard}, WSDL, "all SoapMessage or all RestMessage"),
        ({Withdraw: heard}, {}, "wsdl"),
        ({Withdraw: heard}, {"wsdl": "files/other.wsdl"}, "there is no file"),
    ],
)
async def test_one_that_cannot_start_says_why(answers: Any, section: dict[str, str], reason: str) -> None:
    """Messages or a section that cannot be used are a ValueError before a port is open."""
    with pytest.raises(ValueError, match=reason):
        async with standing_in("s", "bank", answers, section, FILES):
            raise AssertionError("it started")
