"""From a provider's section of the configuration to a provider that can be asked."""

import asyncio
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pi_server.domain.chain import Chain
from pi_server.domain.exchange import Endpoint, Send
from pi_server.domain.message import Message
from pi_server.domain.ports import Codec, ProviderKind
from pi_server.domain.standing import Standing
from pi_server.domain.status_map import StatusMap
from pi_server.domain.turn import Turn
from pi_server.providers.credentials.credential import Credential
from pi_server.providers.credentials.opening import open_credential
from pi_server.providers.policies import Policies
from pi_server.providers.provider import Provider
from pi_server.providers.rest import RestCodec
from pi_server.providers.settings import ProviderSettings, RestSettings, SoapSettings
from pi_server.providers.tls import open_tls
from pi_server.providers.transport import HttpTransport

SETTINGS: dict[ProviderKind, type[ProviderSettings]] = {"soap": SoapSettings, "rest": RestSettings}
"""The model of a provider's section, by the kind of its field."""


class CheckedCodec(Codec, Protocol):
    """A codec that can tell before the first call whether a message is well declared."""

    def check(self, message: type[Message[Any]], /) -> None:
        """ValueError, with the reason and a suggestion, when it is not."""
        ...

    def declared_faults(self, message: type[Message[Any]], /) -> tuple[str, ...]:
        """The names by which rules know the Faults that are declared for what ``message`` asks."""
        ...


async def build_codec(settings: ProviderSettings, files: Path) -> CheckedCodec:
    """The codec ``settings`` ask for; ``files`` is the package that relative paths start from.

    Raises:
        ValueError: the WSDL is missing, cannot be read or has no such port, or the endpoint has a query (REST).
    """
    if isinstance(settings, SoapSettings):
        return await asyncio.to_thread(_soap_codec, settings, files)
    for url in settings.fallbacks:
        RestCodec(url)
    return RestCodec(settings.endpoint)


def _soap_codec(settings: SoapSettings, files: Path) -> CheckedCodec:
    from pi_server.providers.soap.codec import SoapCodec  # zeep is loaded by those who need it
    from pi_server.providers.wsdl import load_wsdl

    binding = load_wsdl(files / settings.wsdl, service=settings.service, port=settings.port)
    return SoapCodec(binding, settings.endpoint)


async def build_provider(
    settings: ProviderSettings,
    *,
    files: Path,
    field_name: str,
    status_map: StatusMap,
    links: Chain[Send] | None = None,
    messages: Iterable[type[Message[Any]]] = (),
    turn: Turn | None = None,
) -> Provider:
    """A provider for the service's field ``field_name``; nothing is sent to it yet.

    ``files`` is the directory of the plugin's package, ``links`` stand between the policies and the transport (the API
    log is the innermost), ``messages`` are checked against the WSDL or their own path, and ``turn`` is that of the API
    log.  Close it when done.

    Raises:
        ValueError: a file is missing or unusable, or a message is not well declared.
    """
    codec = await build_codec(settings, files)
    for message in messages:
        codec.check(message)
        status_map.declare(field_name, codec.declared_faults(message))
    tls = await asyncio.to_thread(open_tls, settings, files)
    name = settings.name or field_name
    endpoints = [Endpoint(url, name, settings.company) for url in (settings.endpoint, *settings.fallbacks)]
    standing = Standing(endpoints[0], certificates=tls.certificates, cautions=tls.cautions)
    credential = await open_credential(settings, files, standing, links or Chain(), turn)
    transports = [HttpTransport(settings.at(endpoint.address), tls.context, turn) for endpoint in endpoints]
    policies = Policies(settings, standing, links or Chain(), credential)
    return Provider(
        field_name,
        codec,
        policies.around([(endpoint, one.send) for endpoint, one in zip(endpoints, transports, strict=True)]),
        standing,
        status_map,
        headers={**settings.headers, **credential.headers},
        close=partial(_close, transports, credential),
    )


async def _close(transports: Iterable[HttpTransport], credential: Credential) -> None:
    await credential.close()
    for transport in transports:
        await transport.close()
