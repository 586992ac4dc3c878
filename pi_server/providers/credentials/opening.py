"""From a section ``auth`` to a credential that can be shown."""

import asyncio
import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

from pi_server.domain.call import Call
from pi_server.domain.chain import Chain
from pi_server.domain.exchange import Endpoint, Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.standing import Standing
from pi_server.domain.turn import Turn
from pi_server.providers.credentials.credential import NO_CREDENTIAL, Credential
from pi_server.providers.credentials.oauth2 import OAuth2, grant, signed
from pi_server.providers.credentials.tokens import Grant, Tokens
from pi_server.providers.settings import ProviderSettings
from pi_server.providers.tls import open_tls
from pi_server.providers.transport import HttpTransport

_log = logging.getLogger("pi_server.provider")


async def open_credential(
    settings: ProviderSettings, files: Path, standing: Standing, links: Chain[Send], turn: Turn | None
) -> Credential:
    """The credential for a provider; what is asked of a token endpoint passes ``links``.  Close it when done.

    Raises:
        ValueError: the certificates for the token endpoint cannot be used.
    """
    if settings.auth is None:
        return NO_CREDENTIAL
    if not isinstance(settings.auth, OAuth2):
        return settings.auth.credential()
    at = settings.for_tokens(settings.auth)
    tls = await asyncio.to_thread(open_tls, at, files)
    if settings.auth.ca:  # otherwise it is that of the provider, and told there
        own = [replace(one, key="auth.ca") for one in tls.certificates if one.key == "ca"]
        standing.certificates += tuple(own)
    transport = HttpTransport(at, tls.context, turn)
    issuer = Endpoint(at.endpoint, f"{standing.endpoint.name}.auth", standing.endpoint.company, discreet=True)
    tokens = Tokens(partial(_ask, settings.auth, issuer, links.then(transport.send), standing))
    return Credential(
        outside=Chain(signed(tokens, again=settings.auth.again)), close=partial(_close, tokens, transport)
    )


async def _ask(auth: OAuth2, issuer: Endpoint, send: Send, standing: Standing, call: Call) -> Grant:
    """Ask for a token in the name of ``call``, which began to need it; it has the transport's time, not the call's."""
    answered = False
    try:
        response = await send(Exchange(call, issuer, auth.request(), repeatable=True))
        answered = True
        return grant(response)
    except ProviderFault as fault:
        standing.fail(f"no token: {fault.kind}", call.correlation_id)
        if answered:  # so that the API log has told of no failure
            _log.error("%s: %s", issuer.name, fault)
        raise


async def _close(tokens: Tokens, transport: HttpTransport) -> None:
    await tokens.close()
    await transport.close()
