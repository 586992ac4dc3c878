"""What may stand in ``config.yaml``: frozen sections, validated by pydantic.

The reference page is generated from the descriptions, so each one is written for the operator of a server.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from pi_server.config import checks
from pi_server.config.units import Duration, Size

Envelope = Literal["semantic", "problem", "compat"]
DocsMode = Literal["public", "guarded", "off"]
ApiLevel = Annotated[Literal["off", "basic", "standard", "full"], BeforeValidator(checks.lowered)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(checks.raised)]

_Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
_ConsumerName = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_-]*$")]
_LinkName = Annotated[str, Field(pattern="^[a-z_]+$")]
_HeaderName = Annotated[str, Field(pattern="^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
_ChainName = Annotated[str, AfterValidator(checks.known_chain)]
_Port = Annotated[int, Field(ge=0, le=65535), BeforeValidator(checks.not_bool)]
_Folder = Annotated[Path, BeforeValidator(checks.folder)]
_Empty = BeforeValidator(checks.empty_if_none)

DEFAULT_CHAINS: Final[Mapping[str, tuple[str, ...]]] = {"internal": ("token",), "public": ()}


class Section(BaseModel):
    """A part of the configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ServerSection(Section):
    """Where the server listens and the limits that hold for every service."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 is every IPv4 address."
    )
    port: _Port = Field(default=8080, description="TCP port to listen on; 0 lets the system choose a free one.")
    data_dir: _Folder = Field(
        default=Path("var"),
        description="Directory of its own files, relative to the file; checked now, nothing uses it yet.",
    )
    timeout: Duration = Field(
        default=15.0, description="Longest time a call may take, unless a service says otherwise."
    )
    drain: Duration = Field(default=30.0, description="How long a stopping server waits for the calls that still run.")
    body_limit: Size = Field(default=2**20, description="Largest body accepted from a consumer.")
    keepalive: Duration = Field(default=75.0, description="How long an idle connection of a consumer stays open.")
    envelope: Envelope = Field(
        default="semantic",
        description="Form of answers: `semantic`, `problem` or `compat`; a service may have its own.",
    )
    strict: bool = Field(
        default=False, description="Refuse to start if an enabled plugin fails, instead of serving the rest."
    )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class AccessLogSection(Section):
    """One line for each call a consumer made."""

    output: Annotated[str, AfterValidator(checks.log_output)] = Field(
        default="stdout",
        description="`stdout`, `stderr`, `off`, or the name of a file below `logs.dir`.",
    )
    format: Literal["text", "json"] = Field(default="text", description="Form of a line.")
    skip_paths: tuple[Annotated[str, AfterValidator(checks.url_path)], ...] = Field(
        default=(),
        description="Paths whose calls leave no line, such as `/api/sample/v1.0/health`.",
    )


class LogsSection(Section):
    """What is written down, where and in how much detail."""

    dir: _Folder = Field(default=Path("var/logs"), description="Directory of the log files; relative: beside the file.")
    api_level: ApiLevel = Field(default="full", description="Detail of the API log, unless a service says otherwise.")
    timezone: Annotated[str, AfterValidator(checks.timezone)] = Field(
        default="local",
        description="Zone of the times in the logs: `local`, `UTC` or a name such as `Europe/Berlin`.",
    )
    status_code_as_string: bool = Field(default=False, description="Write `statusCode` in the API log as text.")
    access: Annotated[AccessLogSection, _Empty] = Field(default=AccessLogSection(), description="The access log.")
    level: LogLevel = Field(default="INFO", description="Least severe message the server's own log keeps.")
    mask: tuple[str, ...] = Field(default=(), description="Names whose values are secret, beside the well-known ones.")


class TokenSection(Section):
    """A consumer that shows the header `x-srv-token`; only the digest of its token is kept."""

    sha256: Annotated[SecretStr, AfterValidator(checks.digest)] = Field(
        description="SHA-256 of the token as 64 hexadecimal digits.",
    )
    scopes: tuple[str, ...] = Field(default=(), description="What the consumer may do.")


class StoresSection(Section):
    """Where shared state lives."""

    keys: Annotated[str, AfterValidator(checks.key_store)] = Field(
        default="",
        repr=False,
        description="Redis as `name:port,name:port` or a `redis://` URL; checked now; nothing uses it in this version.",
    )


class OperationSection(Section):
    """What differs for one operation of a service."""

    timeout: Duration | None = Field(default=None, description="Longest time a call of this operation may take.")
    chain: _ChainName | None = Field(default=None, description="Named chain this operation stands behind.")


class ServiceSection(Section):
    """A service; the keys that are not listed here belong to its plugin."""

    model_config = ConfigDict(extra="allow")

    enabled: bool = Field(default=False, description="Serve it; an installed plugin stays off until this is true.")
    root: Annotated[str, AfterValidator(checks.root_path)] | None = Field(
        default=None,
        description="Path its operations begin with; without it, the one the plugin names.",
    )
    chain: _ChainName | None = Field(default=None, description="Named chain it stands behind; without it, `internal`.")
    timeout: Duration | None = Field(default=None, description="Longest time of a call; without it, `server.timeout`.")
    envelope: Envelope | None = Field(default=None, description="Form of its answers; without it, `server.envelope`.")
    api_level: ApiLevel | None = Field(default=None, description="Detail of its API log; without it, `logs.api_level`.")
    operations: Annotated[dict[str, Annotated[OperationSection, _Empty]], _Empty] = Field(
        default={},
        description="What differs for single operations, by their names.",
    )

    @property
    def plugin_keys(self) -> Mapping[str, Any]:
        """The keys that belong to the plugin, as given; the plugin's own fields decode them."""
        return self.model_extra or {}

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Without the plugin's keys: nobody knows yet which of them are secret."""
        yield from ((name, getattr(self, name)) for name in type(self).model_fields)


def _with_defaults(chains: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {**DEFAULT_CHAINS, **chains}


def _distinct(tokens: dict[str, TokenSection]) -> dict[str, TokenSection]:
    """Two consumers with one token could not be told apart."""
    owners: dict[str, str] = {}
    for consumer, token in tokens.items():
        first = owners.setdefault(token.sha256.get_secret_value(), consumer)
        if first != consumer:
            raise checks.refuse(f"{first} and {consumer} have the same token")
    return tokens


class Config(Section):
    """The whole configuration of one server."""

    server: Annotated[ServerSection, _Empty] = Field(default=ServerSection(), description="The server itself.")
    logs: Annotated[LogsSection, _Empty] = Field(default=LogsSection(), description="The logs.")
    docs: DocsMode | None = Field(
        default=None,
        description="Who sees the documentation pages; without it, `public` on a loopback bind, otherwise `guarded`.",
    )
    chains: Annotated[dict[_Name, tuple[_LinkName, ...]], AfterValidator(_with_defaults), _Empty] = Field(
        default=dict(DEFAULT_CHAINS),
        description="Links of a named chain, in order; added to the chains that always exist.",
    )
    tokens: Annotated[
        dict[_ConsumerName, Annotated[TokenSection, _Empty]],
        AfterValidator(_distinct),
        _Empty,
    ] = Field(default={}, description="Consumers by name and the digest of their service token.")
    correlation_headers: tuple[_HeaderName, ...] = Field(
        default=("activityid", "X-Correlation-ID", "X-Request-ID", "traceparent"),
        description="Headers that may carry a consumer's correlation id; the first one present counts.",
    )
    stores: Annotated[StoresSection, _Empty] = Field(default=StoresSection(), description="The stores.")
    services: Annotated[dict[_Name, Annotated[ServiceSection, _Empty]], _Empty] = Field(
        default={},
        description="The services by name.",
    )

    @property
    def docs_mode(self) -> DocsMode:
        """Who sees the documentation pages, with the default resolved."""
        return self.docs or ("public" if self.server.loopback else "guarded")
