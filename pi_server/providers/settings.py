"""A provider's section of the configuration: ``services.<service>.<field>``."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pi_server.config import Duration, Size
from pi_server.config.plays import play_of
from pi_server.providers.credentials import Auth
from pi_server.providers.credentials.oauth2 import OAuth2
from pi_server.providers.policy_sections import BreakerSection, BulkheadSection, PaceSection, RetrySection
from pi_server.providers.spelling import HeaderName, HeaderValue, HttpUrl, ProxyUrl, SecretText, UserName, refused

_TOKEN_LIMIT = 64 * 1024  # bytes of a token endpoint's answer


def _none(given: object) -> object:
    return None if given == "none" else given


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
    auth: Auth = Field(default=None, description="How the server shows who it is, in one of four ways.")
    ca: Path | None = Field(
        default=None, description="Certificates to trust in place of the system's; relative to the plugin's package."
    )
    certificate: str | None = Field(
        default=None, description="The server's own certificate: PEM, or a file of it relative to the plugin's package."
    )
    certificate_key: SecretStr | None = Field(
        default=None, description="The key of `certificate`, likewise; without it, they are in one file."
    )
    certificate_password: SecretText | None = Field(default=None, description="What that key is locked with.")
    unsafe_accept_any_certificate: bool = Field(
        default=False, description="Do not find out whose certificate the provider shows: anybody can pose as it."
    )
    proxy: Annotated[ProxyUrl | None, BeforeValidator(_none)] = Field(
        default=None, description="An HTTP proxy to go through, such as `http://proxy.example:3128`; or `none`."
    )
    proxy_user: UserName | None = Field(default=None, description="Who the proxy is told is asking.")
    proxy_password: SecretText | None = Field(default=None, description="The password of `proxy_user`.")
    timeout_header: HeaderName | None = Field(
        default=None, description="The header that tells the provider how many milliseconds are left for its answer."
    )
    traceparent: bool = Field(
        default=True, description="Pass the trace of a call on, in the header `traceparent` of W3C."
    )
    retry: RetrySection = RetrySection()
    breaker: BreakerSection = BreakerSection()
    bulkhead: BulkheadSection = BulkheadSection()
    pace: PaceSection = PaceSection()
    mode: Literal["live", "mock", "record", "replay", "fault"] = Field(
        default="live", description="Who answers: the provider (`live`, `record`), or another in its place."
    )
    fault: str = Field(default="", description="With `mode: fault`: how it fails, such as `status=503`.")

    @field_validator("fallbacks")
    @classmethod
    def _others(cls, fallbacks: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        addresses = {*fallbacks, info.data.get("endpoint", "")}
        if len(addresses) <= len(fallbacks):
            raise ValueError("must differ from each other and from `endpoint`")
        return fallbacks

    @field_validator("fault")
    @classmethod
    def _is_a_misdeed(cls, value: str) -> str:
        if value and play_of(value).misdeed is None:
            raise ValueError("must say how it fails: delay=2s, timeout, fault=CODE, half-body, status=503, ...")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        taken = [name for name in self.headers if self.auth and name.lower() == self.auth.secret_header.lower()]
        if taken:
            raise refused(f"`headers` must not hold {taken[0]}, which `auth` sets")
        if self.certificate_key and not self.certificate:
            raise refused("`certificate_key` needs a `certificate`")
        if self.ca and self.unsafe_accept_any_certificate:
            raise refused(
                "`ca` says whom to trust, `unsafe_accept_any_certificate` that everybody is; give one of them"
            )
        if (self.proxy_user is None) != (self.proxy_password is None):
            raise refused("`proxy_user` and `proxy_password` need each other")
        if (self.mode == "fault") != bool(self.fault):
            raise refused("`mode: fault` and `fault` need each other")
        return self

    @property
    def secret_headers(self) -> frozenset[str]:
        """The request headers, in lower case, whose values nobody may see."""
        names = {*self.headers, self.auth.secret_header if self.auth else ""}
        return frozenset(name.lower() for name in names if name)

    @property
    def secrets(self) -> dict[str, SecretStr]:
        """Every secret in the section, by its dotted key."""
        found = {**dict(self), **({f"auth.{name}": value for name, value in self.auth} if self.auth else {})}
        return {name: value for name, value in found.items() if isinstance(value, SecretStr)}

    def for_tokens(self, auth: OAuth2) -> "ProviderSettings":
        """How the token endpoint is reached: as the provider is, but never without finding out who it is."""
        return self.model_copy(
            update={
                "endpoint": auth.url,
                "reply_limit": _TOKEN_LIMIT,
                "connections": 1,
                "ca": auth.ca or self.ca,
                "unsafe_accept_any_certificate": False,
            }
        )

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
