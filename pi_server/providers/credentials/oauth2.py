"""Tokens of RFC 6749's client credentials: what is asked, what is answered, and what a refused token leads to."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote_plus, urlencode

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError

from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.faults import ProviderFault
from pi_server.domain.message import Headers, WireRequest, WireResponse
from pi_server.providers.credentials.credential import AuthSection, basic
from pi_server.providers.credentials.tokens import Grant, Tokens
from pi_server.providers.spelling import HttpUrl, SecretText

_HEADERS: Headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
_LIFE = 300.0  # seconds a token is taken to be good for when nothing is said
_LONGEST = 24 * 3600.0


class OAuth2(AuthSection):
    """``auth: {kind: oauth2, url: https://login.example/token, client_id: us, client_secret: ...}``."""

    kind: Literal["oauth2"] = Field(description="Tokens of OAuth 2.0 client credentials.")
    url: HttpUrl = Field(description="The address of the token endpoint.")
    client_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$")] = Field(description="The client's name.")
    client_secret: SecretText = Field(description="The client's secret.")
    shown_in: Literal["header", "body"] = Field(default="header", description="Where name and secret go.")
    scope: str = Field(default="", description="What the token is to be good for; names with spaces between them.")
    audience: str = Field(default="", description="Whom the token is for, where the endpoint wants to know.")
    ca: Path | None = Field(default=None, description="As the provider's `ca`, which also counts here without it.")
    again: bool = Field(
        default=False, description="After a 401, send also what is not repeatable again with a new token."
    )

    def request(self) -> WireRequest:
        """What a token is asked for with."""
        secret = self.client_secret.get_secret_value()
        form = {"grant_type": "client_credentials", "scope": self.scope, "audience": self.audience}
        headers = _HEADERS
        if self.shown_in == "body":
            form |= {"client_id": self.client_id, "client_secret": secret}
        else:  # RFC 6749 has them encoded as in a form first
            headers += (("Authorization", basic(quote_plus(self.client_id), quote_plus(secret))),)
        return WireRequest("POST", self.url, headers, urlencode({k: v for k, v in form.items() if v}).encode())


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    access_token: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,16384}$")]
    token_type: Annotated[str, StringConstraints(pattern="^(?i:bearer)$")] = Field(default="Bearer")
    expires_in: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class _Refusal(BaseModel):
    error: Annotated[str, StringConstraints(pattern="^[a-z_]{1,60}$")]


def grant(response: WireResponse) -> Grant:
    """The token in an answer, and its life in seconds.

    Raises:
        ProviderFault: no_access, with the reason; never with anything the endpoint could have repeated.
    """
    if response.status != 200:
        raise ProviderFault("no_access", f"HTTP {response.status}{_said(response)}")
    try:
        answer = _Answer.model_validate_json(response.body)
    except ValidationError as error:
        wrong = sorted({".".join(map(str, one["loc"])) or "the answer" for one in error.errors(include_input=False)})
        raise ProviderFault("no_access", f"the answer cannot be used: {', '.join(wrong)}") from None
    life = _LIFE if answer.expires_in is None else min(answer.expires_in, _LONGEST)
    return Grant(SecretStr(answer.access_token), life)


def _said(response: WireResponse) -> str:
    try:
        return f" {_Refusal.model_validate_json(response.body).error}"
    except ValidationError:
        return ""


def signed(tokens: Tokens, *, again: bool) -> Callable[[Send], Send]:
    """Send each exchange with a token.

    A 401 says that the provider has done nothing, and ends the life of the token it refused.  What is repeatable, or
    with ``again`` everything, is then sent once more with a new one.  The first answer, then, is on record only.
    """

    def link(send: Send) -> Send:
        async def sent(exchange: Exchange) -> WireResponse:
            token = await tokens.get(exchange)
            response = await send(_with(token, exchange))
            if response.status != 401:
                return response
            renewed = tokens.refused(token)
            if not renewed or not (again or exchange.repeatable):
                return response
            return await send(_with(await tokens.get(exchange), exchange))

        return sent

    return link


def _with(token: SecretStr, exchange: Exchange) -> Exchange:
    request = exchange.request
    headers = (*request.headers, ("Authorization", f"Bearer {token.get_secret_value()}"))
    return exchange._replace(request=request._replace(headers=headers))
