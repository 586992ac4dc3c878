"""A provider's section of the configuration: ``services.<service>.<field>``."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from pi_server.config import Duration, Size


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
    timeout: Duration = Field(default=10.0, description="The time one exchange may take, all included.")
    connect_timeout: Duration = Field(default=3.0, description="The time a new connection may take.")
    reply_limit: Size = Field(default=2 * 1024 * 1024, description="The largest reply taken, decompressed.")
    connections: int = Field(default=20, ge=1, le=10_000, description="How many connections may be open at once.")
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, description="Headers sent with every request; the API log masks their values."
    )
    ca: Path | None = Field(
        default=None, description="Certificates to trust in place of the system's; relative to the plugin's package."
    )


class RestSettings(ProviderSettings):
    """The section of a `RestProvider`."""


class SoapSettings(ProviderSettings):
    """The section of a `SoapProvider`."""

    wsdl: Path = Field(description="The WSDL file; relative to the plugin's package.")
    service: str = Field(default="", description="Which WSDL service to use when there are several.")
    port: str = Field(default="", description="Which port of the service to use when it has several.")
