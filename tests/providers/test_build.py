"""From a section of the configuration to a provider."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pi_server import SoapMessage
from pi_server.domain.chain import Chain
from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse
from pi_server.domain.status_map import StatusMap
from pi_server.providers.build import SETTINGS, build_provider
from pi_server.providers.settings import RestSettings, SoapSettings
from tests.providers.bank import PACKAGE, Echo, Result, Withdraw


async def _build(section: dict[str, Any], **more: Any) -> None:
    model = SoapSettings if "wsdl" in section else RestSettings
    settings = model.model_validate({"endpoint": "http://bank.invalid", **section})
    provider = await build_provider(settings, files=PACKAGE, field_name="bank", status_map=StatusMap(), **more)
    await provider.close()


async def test_a_relative_wsdl_lies_in_the_package() -> None:
    """The WSDL is found beside the plugin's code, whatever the working directory, and no network is needed."""
    await _build({"wsdl": "files/withdraw.wsdl"}, messages=[Withdraw])


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        ({"wsdl": "files/none.wsdl"}, "files/none.wsdl"),
        ({"wsdl": "files"}, "there is no file"),
        ({"wsdl": "files/faults.yaml"}, "cannot be read"),
        ({"wsdl": "files/withdraw.wsdl", "port": "Shop"}, "no SOAP port 'Shop'; it has: Bank"),
        ({"endpoint": "http://market.example/?x=1"}, "has no query"),
        ({"ca": "files/none.pem"}, "files/none.pem"),
    ],
)
async def test_what_cannot_be_built_says_why(section: dict[str, Any], reason: str) -> None:
    """Each mistake is one ValueError with its reason."""
    with pytest.raises(ValueError, match=reason):
        await _build(section)


async def test_misspelt_messages_are_found_at_the_start() -> None:
    """Messages given at the build are compared with the WSDL."""

    class Wrong(SoapMessage[Result], operation="acountWithdrawal"):
        AccountNo: str

    with pytest.raises(ValueError, match="did you mean 'accountWithdrawal'"):
        await _build({"wsdl": "files/withdraw.wsdl"}, messages=[Wrong])


async def test_links_stand_between_deadline_and_transport(rest_provider: str) -> None:
    """A link sees the exchange with its deadline set, and the answer of the transport."""
    seen: list[tuple[Exchange, WireResponse]] = []

    def watch(send: Send) -> Send:
        async def watched(exchange: Exchange) -> WireResponse:
            response = await send(exchange)
            seen.append((exchange, response))
            return response

        return watched

    settings = RestSettings.model_validate({"endpoint": rest_provider, "company": "market"})
    links: Chain[Send] = Chain(watch)
    provider = await build_provider(
        settings, files=Path(), field_name="rates", status_map=StatusMap(), links=links, messages=[Echo]
    )
    from pi_server import Call

    await provider.send(Call(), Echo(word="x"))
    await provider.close()
    [(exchange, response)] = seen
    assert exchange.deadline.at < float("inf")
    assert (exchange.endpoint.name, exchange.endpoint.company, response.status) == ("rates", "market", 200)


def test_each_kind_has_its_section() -> None:
    """The kind of a field decides the model of its section."""
    assert {"soap": SoapSettings, "rest": RestSettings} == SETTINGS


def test_rest_providers_do_not_load_zeep() -> None:
    """zeep, lxml and requests are imported by SOAP providers only."""
    code = "import sys, pi_server.providers.build; print(sorted({'zeep', 'lxml', 'requests'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
