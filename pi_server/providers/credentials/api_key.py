"""A key in a header or in the query."""

from collections.abc import Callable
from typing import Annotated, Literal, Self
from urllib.parse import quote

from pydantic import Field, StringConstraints, model_validator

from pi_server.domain.chain import Chain
from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse
from pi_server.providers.credentials.credential import AuthSection, Credential
from pi_server.providers.spelling import HeaderName, SecretWord, refused

_SHOWN = "***"

ParameterName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~-]+$")]


class ApiKey(AuthSection):
    """``auth: {kind: api_key, header: X-Api-Key, key: ...}``, or ``query:`` in place of ``header:``."""

    kind: Literal["api_key"] = Field(description="A key in a header or in the query.")
    header: HeaderName | None = Field(default=None, description="The header it goes in; or else:")
    query: ParameterName | None = Field(default=None, description="The query parameter it goes in.")
    key: SecretWord = Field(description="The key.")

    @model_validator(mode="after")
    def _goes_in_one_place(self) -> Self:
        if (self.header is None) == (self.query is None):
            raise refused("must name either a `header` or a `query` parameter")
        return self

    @property
    def secret_header(self) -> str:
        """The header, if it is one."""
        return self.header or ""

    def credential(self) -> Credential:
        """A header, prepared; or two links, for no record may hold what is in the query."""
        key = self.key.get_secret_value()
        if self.header is not None:
            return Credential(headers={self.header: key})
        return Credential(
            outside=Chain(_at_end(f"{self.query}={_SHOWN}")), inside=Chain(_in_place(quote(key, safe="")))
        )


def _at_end(parameter: str) -> Callable[[Send], Send]:
    """Add a parameter to the query: what is on record, with a mark in the place of the key."""

    def link(send: Send) -> Send:
        async def marked(exchange: Exchange) -> WireResponse:
            url = exchange.request.url
            url = f"{url}{'&' if '?' in url else '?'}{parameter}"
            return await send(exchange._replace(request=exchange.request._replace(url=url)))

        return marked

    return link


def _in_place(key: str) -> Callable[[Send], Send]:
    """Put the key where the mark is: what is sent."""

    def link(send: Send) -> Send:
        async def filled(exchange: Exchange) -> WireResponse:
            url = exchange.request.url.removesuffix(_SHOWN) + key
            return await send(exchange._replace(request=exchange.request._replace(url=url)))

        return filled

    return link
