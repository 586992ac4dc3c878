"""Providers that speak TLS: whom the transport trusts."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from pi_server.domain.call import Call
from pi_server.domain.exchange import Endpoint, Exchange
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import WireRequest, WireResponse
from pi_server.providers.settings import RestSettings
from pi_server.providers.transport import HttpTransport, tls_context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that only these tests know."""
    return trustme.CA()


@pytest.fixture(params=["localhost", "elsewhere.example"])
async def bank(request: pytest.FixtureRequest, authority: trustme.CA) -> AsyncIterator[str]:
    """A provider whose certificate is for the name of the parameter; its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # trustme also takes a context of pyOpenSSL, whose types are not here
    authority.issue_cert(request.param).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


async def _ask(url: str, tls: ssl.SSLContext | bool) -> WireResponse:
    transport = HttpTransport(RestSettings(endpoint=url), tls)
    try:
        return await transport.send(Exchange(Call(), Endpoint(url, "", ""), WireRequest("GET", f"{url}/x")))
    finally:
        await transport.close()


@pytest.mark.parametrize("bank", ["localhost"], indirect=True)
async def test_a_provider_of_the_configured_authority_is_trusted(
    bank: str, authority: trustme.CA, tmp_path: Path
) -> None:
    """``ca`` names the certificates to trust."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert (await _ask(bank, tls_context(tmp_path / "ca.pem"))).status == 200


async def test_an_unknown_authority_is_unreachable(bank: str) -> None:
    """Without ``ca`` the system's authorities count, and nothing is sent to anybody else."""
    with pytest.raises(ProviderFault) as caught:
        await _ask(bank, tls_context(None))
    assert caught.value.kind == "unreachable"
    assert "certificate" in caught.value.reason.lower()


@pytest.mark.parametrize("bank", ["elsewhere.example"], indirect=True)
async def test_a_certificate_for_another_name_is_unreachable(bank: str, authority: trustme.CA, tmp_path: Path) -> None:
    """A trusted authority is not enough: the certificate must be this provider's."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with pytest.raises(ProviderFault) as caught:
        await _ask(bank, tls_context(tmp_path / "ca.pem"))
    assert caught.value.kind == "unreachable"
