"""Providers behind an HTTP proxy, which the configuration names and nothing else."""

import ssl
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from pi_server.domain.call import Call
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireRequest, WireResponse
from pi_server.providers.credentials.credential import basic
from pi_server.providers.settings import RestSettings
from pi_server.providers.tls import open_tls
from pi_server.providers.transport import HttpTransport
from tests.canaries import canary
from tests.parts.forward_proxy import forward_proxy
from tests.parts.processes import free_port
from tests.parts.rest_provider import Asked, whole
from tests.parts.small_server import answering


def _said(asked: Asked) -> bytes:
    return whole(
        f'"{asked.target} {asked.count}"'.encode(), 200, "application/json", f"X-Host: {asked.headers['host']}"
    )


def _always(answer: bytes, asked: Asked) -> bytes:
    return answer


async def _ask(url: str, files: Path = Path(), times: int = 1, **section: Any) -> list[WireResponse]:
    settings = RestSettings.model_validate({"endpoint": url, "timeout": "3s", **section})
    transport = HttpTransport(settings, open_tls(settings, files).context)
    exchange = Exchange(Call(), Endpoint(url, "", ""), WireRequest("GET", f"{url}/x?y=1"))
    try:
        return [await transport.send(exchange) for _ in range(times)]
    finally:
        await transport.close()


@pytest.fixture
def encrypted(tmp_path: Path) -> ssl.SSLContext:
    """What a server of localhost encrypts with; its authority is in ``ca.pem``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


async def test_what_is_not_encrypted_is_asked_of_the_proxy() -> None:
    """The proxy gets the whole URL and, if it wants any, its credentials; the provider is asked as without it."""
    secret = canary()
    async with answering(_said) as url, forward_proxy(basic("us", secret)) as proxy:
        section: dict[str, Any] = {"proxy": proxy.url, "proxy_user": "us", "proxy_password": secret}
        (response,) = await _ask(url, **section)
        assert (response.status, response.body) == (200, b'"/x?y=1 1"')
        assert response.header("X-Host") == url.removeprefix("http://")
        assert proxy.asked[0].startswith(f"GET {url}/x?y=1 HTTP/1.1\r\n")


async def test_what_is_encrypted_passes_through_a_tunnel(encrypted: ssl.SSLContext, tmp_path: Path) -> None:
    """The proxy sees host and port and its own credentials; the tunnel is kept, and checks whom it leads to."""
    secret = canary()
    async with answering(_said, encrypted) as url, forward_proxy(basic("us", secret)) as proxy:
        section: dict[str, Any] = {"proxy": proxy.url, "proxy_user": "us", "proxy_password": secret, "ca": "ca.pem"}
        responses = await _ask(url, tmp_path, times=3, **section)
        assert [response.body for response in responses] == [b'"/x?y=1 1"', b'"/x?y=1 2"', b'"/x?y=1 3"']
        (asked,) = proxy.asked
        name = url.removeprefix("https://")
        assert asked.splitlines()[:2] == [f"CONNECT {name} HTTP/1.1", f"Host: {name}"]
        with pytest.raises(ProviderFault, match="certificate"):
            await _ask(url, proxy=proxy.url, proxy_user="us", proxy_password=secret)


async def test_a_proxy_that_opens_no_way_is_a_provider_out_of_reach(encrypted: ssl.SSLContext, tmp_path: Path) -> None:
    """Refused, silent, talking nonsense or away: unreachable or a timeout, with the reason, without a secret."""
    wrong: dict[str, Any] = {"proxy_user": "us", "proxy_password": canary(), "ca": "ca.pem"}
    async with answering(_said, encrypted) as url:
        async with forward_proxy(basic("us", canary())) as proxy:
            with pytest.raises(ProviderFault, match=r"unreachable.*the proxy answered 407 to CONNECT") as caught:
                await _ask(url, tmp_path, proxy=proxy.url, **wrong)
            assert "CANARY" not in str(caught.value)
        for answer, reason in ((b"hm\r\n\r\n", "nothing of use"), (b"HTTP/1.1 200 Yes\r\n\r\nmore", "200")):
            async with answering(partial(_always, answer)) as proxy_url:
                with pytest.raises(ProviderFault, match=f"unreachable.*{reason}"):
                    await _ask(url, tmp_path, proxy=proxy_url, ca="ca.pem")
        async with answering(lambda asked: None) as proxy_url:
            with pytest.raises(ProviderFault, match="timeout"):
                await _ask(url, tmp_path, proxy=proxy_url, ca="ca.pem", connect_timeout="200ms")
        with pytest.raises(ProviderFault, match="unreachable"):
            await _ask(url, tmp_path, proxy=f"http://127.0.0.1:{free_port()}", ca="ca.pem")


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """S-74: variables that other programs heed do not redirect what is meant for a provider."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        monkeypatch.setenv(name.upper(), f"http://127.0.0.1:{free_port()}")
    async with answering(_said) as url:
        (response,) = await _ask(url)
    assert response.status == 200
