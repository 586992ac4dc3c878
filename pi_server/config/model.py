"""What may stand in ``config.yaml``: frozen sections, validated by pydantic.

The reference page is generated from the descriptions, so each one is written for the operator of a server.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr

from pi_server.config import checks
from pi_server.config.alert_section import AlertsSection
from pi_server.config.consumer_sections import JwtSection, SessionsSection, TokenSection
from pi_server.config.guard_section import GuardSection
from pi_server.config.limit_sections import CorsSection, GzipSection, IdempotencySection, LimitsSection
from pi_server.config.log_sections import ApiLevel, LogsSection
from pi_server.config.metrics_section import MetricsSection
from pi_server.config.section import ChainName, ConsumerName, Empty, HeaderName, LinkName, Name, Section
from pi_server.config.server_section import Envelope, ServerSection
from pi_server.config.tracing_section import TracingSection
from pi_server.config.units import Duration

DocsMode = Literal["public", "guarded", "off"]

DEFAULT_CHAINS: Final[Mapping[str, tuple[str, ...]]] = {"internal": ("token",), "public": ()}


class StoresSection(Section):
    """Where shared state lives."""

    documents: Annotated[str, AfterValidator(checks.document_store)] = Field(
        default="sqlite",
        repr=False,
        description="`sqlite` (a file in `server.data_dir`), `memory`, or a `mongodb://` URL with a database.",
    )
    keys: Annotated[str, AfterValidator(checks.key_store)] = Field(
        default="sqlite",
        repr=False,
        description="`sqlite`, `memory`, a `redis://` URL, or the nodes of a Redis Cluster: `name:port,name:port`.",
    )
    timeout: Annotated[Duration, AfterValidator(checks.store_time)] = Field(
        default=2.0, description="Longest time a store may take to answer, at most 8 s; a Redis has 0.6 s of it."
    )
    when_away: Literal["refuse", "allow"] = Field(
        default="refuse",
        description="Sessions and JWTs while nobody knows which are revoked: `refuse` (503) or `allow`.",
    )


class SandboxSection(Section):
    """What consumers may ask of a test system."""

    header: HeaderName | None = Field(
        default=None,
        description="Header by which a consumer chooses what answers in place of providers, such as `x-pi-sandbox`.",
    )


class OperationSection(Section):
    """What differs for one operation of a service."""

    timeout: Duration | None = Field(default=None, description="Longest time a call of this operation may take.")
    chain: ChainName | None = Field(default=None, description="Named chain this operation stands behind.")


class ServiceSection(Section):
    """A service; the keys that are not listed here belong to its plugin."""

    model_config = ConfigDict(extra="allow")

    enabled: bool = Field(default=False, description="Serve it; an installed plugin stays off until this is true.")
    root: Annotated[str, AfterValidator(checks.root_path)] | None = Field(
        default=None,
        description="Path its operations begin with; without it, the one the plugin names.",
    )
    chain: ChainName | None = Field(default=None, description="Named chain it stands behind; without it, `internal`.")
    timeout: Duration | None = Field(default=None, description="Longest time of a call; without it, `server.timeout`.")
    envelope: Envelope | None = Field(default=None, description="Form of its answers; without it, `server.envelope`.")
    api_level: ApiLevel | None = Field(default=None, description="Detail of its API log; without it, `logs.api_level`.")
    realm: Name | None = Field(
        default=None, description="Whose sessions and JWTs it takes; without it, its own: services may share one."
    )
    operations: Annotated[dict[str, Annotated[OperationSection, Empty]], Empty] = Field(
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
        for secret in filter(None, (token.sha256, token.next_sha256)):
            first = owners.setdefault(secret.get_secret_value(), consumer)
            if first != consumer:
                raise checks.refuse(f"{first} and {consumer} have the same token")
    return tokens


class Config(Section):
    """The whole configuration of one server."""

    server: Annotated[ServerSection, Empty] = Field(default=ServerSection(), description="The server itself.")
    logs: Annotated[LogsSection, Empty] = Field(default=LogsSection(), description="The logs.")
    alerts: Annotated[AlertsSection, Empty] = Field(default=AlertsSection(), description="Alerts.")
    guard: Annotated[GuardSection, Empty] = Field(default=GuardSection(), description="Plugins that misbehave.")
    metrics: Annotated[MetricsSection, Empty] = Field(default=MetricsSection(), description="Metrics.")
    tracing: Annotated[TracingSection, Empty] = Field(default=TracingSection(), description="Spans.")
    docs: DocsMode | None = Field(
        default=None,
        description="Who sees the documentation pages; without it, `public` on a loopback bind, otherwise `guarded`.",
    )
    chains: Annotated[dict[Name, tuple[LinkName, ...]], AfterValidator(_with_defaults), Empty] = Field(
        default=dict(DEFAULT_CHAINS),
        description="Links of a named chain, in order; added to the chains that always exist.",
    )
    tokens: Annotated[
        dict[ConsumerName, Annotated[TokenSection, Empty]],
        AfterValidator(_distinct),
        Empty,
    ] = Field(default={}, description="Consumers by name and the digest of their service token.")
    correlation_headers: tuple[HeaderName, ...] = Field(
        default=("activityid", "X-Correlation-ID", "X-Request-ID", "traceparent"),
        description="Headers that may carry a consumer's correlation id; the first one present counts.",
    )
    stores: Annotated[StoresSection, Empty] = Field(default=StoresSection(), description="The stores.")
    keyring: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(checks.long_secret)], ...], BeforeValidator(checks.one_a_line)
    ] = Field(
        default=(),
        description="Secrets that seal cookies and sign tokens, newest first, at least 32 bytes each: a list, or one "
        "a line in `secrets/keyring`. Without one, the server makes its own in `server.data_dir`.",
    )
    sessions: Annotated[SessionsSection, Empty] = Field(default=SessionsSection(), description="Sessions.")
    jwt: Annotated[JwtSection, Empty] = Field(default=JwtSection(), description="JSON Web Tokens.")
    limits: Annotated[LimitsSection, Empty] = Field(default=LimitsSection(), description="Limits.")
    idempotency: Annotated[IdempotencySection, Empty] = Field(
        default=IdempotencySection(), description="Idempotency keys."
    )
    cors: Annotated[CorsSection, Empty] = Field(default=CorsSection(), description="Cross-origin requests.")
    gzip: Annotated[GzipSection, Empty] = Field(default=GzipSection(), description="Compressed answers.")
    sandbox: Annotated[SandboxSection, Empty] = Field(default=SandboxSection(), description="The sandbox.")
    middlewares: Annotated[dict[Name, Annotated[dict[str, Any], Empty]], Empty] = Field(
        default={}, repr=False, description="Settings of installed middlewares, by their names."
    )
    services: Annotated[dict[Name, Annotated[ServiceSection, Empty]], Empty] = Field(
        default={},
        description="The services by name.",
    )

    @property
    def docs_mode(self) -> DocsMode:
        """Who sees the documentation pages, with the default resolved."""
        return self.docs or ("public" if self.server.loopback else "guarded")
