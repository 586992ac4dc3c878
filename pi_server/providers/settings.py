"""A provider's section of the configuration: ``services.<service>.<field>``."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from pi_server.config import Duration, Size
from pi_server.providers.policy_sections import BreakerSection, BulkheadSection, PaceSection, RetrySection


def _http_url(text: str) -> str:
    """Accept what can go on the wire as it stands; a password in it would end up in logs."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http:// or https:// URL")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be ASCII without spaces; encode other characters as %XX")
    if parts.username is not None or parts.fragment:
        raise ValueError("must hold neither user name, password nor fragment; use `headers` for credentials")
    if parts.port == 0:
        raise ValueError("must not name port 0")
    return text


HttpUrl = Annotated[str, AfterValidator(_http_url)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$")]


class ProviderSettings(BaseModel):
    """What every provider needs to be told; all a REST provider needs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    company: str = Field(default="", description="The organisation behind the provider, as the API log names it.")
    name: str = Field(default="", description="The endpoint's name in the API log; the field's name when empty.")
    endpoint: HttpUrl = Field(description="The address requests go to.")
    fallbacks: tuple[HttpUrl, ...] = Field(
        default=(), max_length=8, description="Other addresses of the same provider, asked in this order."
    )
    timeout: Duration = Field(default=10.0, description="The time an answer may take, all tries and waits included.")
    connect_timeout: Duration = Field(default=3.0, description="The time a new connection may take.")
    reply_limit: Size = Field(default=2 * 1024 * 1024, description="The largest reply taken, decompressed.")
    connections: int = Field(default=20, ge=1, le=10_000, description="How many connections an endpoint may have.")
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, description="Headers sent with every request; the API log masks their values."
    )
    ca: Path | None = Field(
        default=None, description="Certificates to trust in place of the system's; relative to the plugin's package."
    )
    timeout_header: HeaderName | None = Field(
        default=None, description="The header that tells the provider how many milliseconds are left for its answer."
    )
    retry: RetrySection = RetrySection()
    breaker: BreakerSection = BreakerSection()
    bulkhead: BulkheadSection = BulkheadSection()
    pace: PaceSection = PaceSection()

    @field_validator("fallbacks")
    @classmethod
    def _others(cls, fallbacks: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        addresses = {*fallbacks, info.data.get("endpoint", "")}
        if len(addresses) <= len(fallbacks):
            raise ValueError("must differ from each other and from `endpoint`")
        return fallbacks

    def at(self, address: str) -> Self:
        """The same for another of the provider's endpoints."""
        return self.model_copy(update={"endpoint": address})

    def base(self, address: str) -> str:
        """What every URL at an endpoint begins with."""
        return address


class RestSettings(ProviderSettings):
    """The section of a `RestProvider`."""

    def base(self, address: str) -> str:
        """What every URL at an endpoint begins with: paths are appended to it."""
        return address.rstrip("/")


class SoapSettings(ProviderSettings):
    """The section of a `SoapProvider`."""

    wsdl: Path = Field(description="The WSDL file; relative to the plugin's package.")
    service: str = Field(default="", description="Which WSDL service to use when there are several.")
    port: str = Field(default="", description="Which port of the service to use when it has several.")
