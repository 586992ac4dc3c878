"""What may stand in ``config.yaml``: frozen sections, validated by pydantic.

The reference page is generated from the descriptions, so each one is written for the operator of a server.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from pi_server.config import checks, mask_checks
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
_Text = Annotated[str, Field(min_length=1)]

CREDENTIALS: Final = ("token", "session", "jwt")
"""The links of a chain that say who calls."""

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
        description="Directory of its own files (the embedded stores, its own key), relative to the file.",
    )
    timeout: Duration = Field(
        default=15.0, description="Longest time a call may take, unless a service says otherwise."
    )
    drain: Duration = Field(default=30.0, description="How long a stopping server waits for the calls that still run.")
    body_limit: Size = Field(default=2**20, description="Largest body accepted from a consumer.")
    keepalive: Duration = Field(default=75.0, description="How long an idle connection of a consumer stays open.")
    https: bool | None = Field(
        default=None,
        description="Whether TLS is in front: cookies are `Secure` and HSTS is sent; without it, unless on loopback.",
    )
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

    @property
    def secure(self) -> bool:
        """Whether consumers reach the server by https."""
        return not self.loopback if self.https is None else self.https


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


class MaskPattern(Section):
    """Values that are secret by their form."""

    name: _Name = Field(description="What `pi-server mask test` calls it.")
    match: Annotated[str, AfterValidator(mask_checks.expression)] = Field(
        description="Regular expression of the value; every repeat needs an upper bound, as in `[0-9]{10}`."
    )


class MaskSection(Section):
    """What is secret in the logs, beside the well-known names."""

    model_config = ConfigDict(serialize_by_alias=True)

    names: tuple[_Text, ...] = Field(default=(), description="Names whose values are secret, wherever they stand.")
    json_paths: tuple[Annotated[str, AfterValidator(mask_checks.json_path)], ...] = Field(
        default=(), alias="json", description="In JSON: paths of `$`, `.name`, `['name']`, `[0]`, `[*]` and `..name`."
    )
    xpath: tuple[Annotated[str, AfterValidator(mask_checks.xml_path)], ...] = Field(
        default=(), description="In XML: paths of `/name`, `//name`, `*` and a last `@name`; prefixes do not count."
    )
    headers: tuple[_HeaderName, ...] = Field(default=(), description="Names of headers.")
    form: tuple[_Text, ...] = Field(default=(), description="Names of form fields.")
    query: tuple[_Text, ...] = Field(default=(), description="Names of query parameters.")
    patterns: tuple[Literal["card", "iban"], ...] = Field(
        default=("card", "iban"), description="Numbers known by their check digits, wherever they stand."
    )
    regex: tuple[MaskPattern, ...] = Field(default=(), description="Other values by their form.")


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
    mask: Annotated[MaskSection, BeforeValidator(mask_checks.names_alone)] = Field(
        default_factory=MaskSection, description="What is secret beside the well-known names; a list means `names`."
    )


class TokenSection(Section):
    """A consumer that shows the header `x-srv-token`; only digests of its tokens are kept."""

    sha256: Annotated[SecretStr, AfterValidator(checks.digest)] = Field(
        description="SHA-256 of the token as 64 hexadecimal digits.",
    )
    next_sha256: Annotated[SecretStr, AfterValidator(checks.digest)] | None = Field(
        default=None, description="SHA-256 of a second token, valid beside the first while they are exchanged."
    )
    scopes: tuple[str, ...] = Field(default=(), description="What the consumer may do.")
    reach: tuple[str, ...] = Field(
        default=("*",), description="Services (`billing`) and operations (`billing.pay`) the token is good for."
    )
    expires: AwareDatetime | None = Field(default=None, description="When the tokens end, such as 2027-01-31T00:00Z.")


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
    timeout: Duration = Field(default=2.0, description="Longest time a store may take to answer.")
    when_away: Literal["refuse", "allow"] = Field(
        default="refuse",
        description="Sessions and JWTs while nobody knows which are revoked: `refuse` (503) or `allow`.",
    )


class SessionsSection(Section):
    """Sessions of people signed in with a browser."""

    keep: Literal["cookie", "server"] = Field(
        default="cookie", description="Where a session's data lives: sealed in the `cookie`, or in `stores.keys`."
    )
    cookie: Annotated[str, AfterValidator(checks.cookie_name)] | None = Field(
        default=None, description="Name of the cookie; without it, `__Host-pi` behind TLS and `pi-session` otherwise."
    )
    same_site: Literal["Lax", "Strict"] = Field(default="Lax", description="When browsers send the cookie along.")
    idle: Duration = Field(default=1800.0, description="A session nobody uses for so long ends.")
    lifetime: Duration = Field(default=43200.0, description="A session ends so long after it was opened.")


JwtAlgorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]


class JwtKeySection(Section):
    """A key that signs or verifies tokens; its name is the `kid`."""

    algorithm: JwtAlgorithm = Field(description="The one algorithm this key is for.")
    secret: SecretStr | None = Field(default=None, description="HS256: at least 32 bytes.")
    private: SecretStr | None = Field(default=None, description="The others: PEM of a private key, to sign with.")
    public: str | None = Field(default=None, description="The others: PEM of a public key, to verify with.")


class JwksSection(Section):
    """Where another issuer publishes its keys."""

    url: Annotated[str, AfterValidator(checks.http_url)] = Field(description="Address of the key set.")
    issuer: str = Field(min_length=1, description="The `iss` its tokens must have.")
    audience: str = Field(default="", description="The `aud` its tokens must have; without it, the realm.")
    realms: tuple[_Name, ...] = Field(
        min_length=1, description="Services that take its tokens: its users are theirs, also where a name is the same."
    )
    algorithm: JwtAlgorithm = Field(default="RS256", description="The one algorithm its keys are for.")


class JwtSection(Section):
    """Tokens of the header `Authorization: Bearer`, or of a cookie."""

    issuer: str = Field(default="pi-server", min_length=1, description="The `iss` of this server's tokens.")
    keys: Annotated[dict[_ConsumerName, JwtKeySection], _Empty] = Field(
        default={}, description="Keys by `kid`; the first that can sign does. None: a key made from the key ring."
    )
    jwks: Annotated[dict[_Name, JwksSection], _Empty] = Field(
        default={}, description="Other issuers whose tokens are taken, by a name of your own."
    )
    cookie: Annotated[str, AfterValidator(checks.cookie_name)] = Field(
        default="token", description="Name of the cookie a token may come in."
    )
    lifetime: Duration = Field(default=900.0, le=900.0, description="How long issued tokens are good; at most 15m.")
    leeway: Duration = Field(default=30.0, le=30.0, description="Difference of clocks to forgive; at most 30s.")
    remember: Duration = Field(default=60.0, description="How long a verified token is not verified again.")


class RatesSection(Section):
    """Calls allowed in a time, such as `100/minute`; without a value, any number."""

    address: Annotated[str, AfterValidator(checks.rate)] | None = Field(
        default=None, description="Of one address, whoever calls from there; counted before credentials are looked at."
    )
    consumer: Annotated[str, AfterValidator(checks.rate)] | None = Field(default=None, description="Of one consumer.")
    operation: Annotated[str, AfterValidator(checks.rate)] | None = Field(
        default=None, description="Of one operation, by all consumers together."
    )
    when_away: Literal["local", "refuse", "allow"] = Field(
        default="local",
        description="While Redis is away: count in this worker (`local`), answer 503 (`refuse`), or do not count.",
    )


class LimitsSection(Section):
    """How much consumers may ask for."""

    in_flight: int = Field(default=512, ge=1, description="Calls served at once by a worker; more get 503.")
    body_idle: Duration = Field(default=10.0, description="Longest pause within a body.")
    body_total: Duration = Field(default=30.0, description="Longest time a body may take to arrive.")
    rates: Annotated[RatesSection, _Empty] = Field(default=RatesSection(), description="Rate limits.")


class CorsSection(Section):
    """Pages of other sites that may call; off without `origins`."""

    origins: tuple[Annotated[str, AfterValidator(checks.origin)], ...] = Field(
        default=(), description="Exact origins, such as `https://app.example`; `*` and `null` are never allowed."
    )
    headers: tuple[_HeaderName, ...] = Field(
        default=("Content-Type", "Authorization", "x-srv-token", "activityid", "Idempotency-Key"),
        description="Request headers such a page may set.",
    )
    expose: tuple[_HeaderName, ...] = Field(default=("activityid",), description="Answer headers it may read.")
    credentials: bool = Field(default=False, description="Whether browsers may send cookies along.")
    max_age: Duration = Field(default=600.0, description="How long browsers remember the permission.")


class GzipSection(Section):
    """The link `gzip`."""

    minimum: Size = Field(default=1024, description="Smallest answer worth compressing.")
    level: int = Field(default=6, ge=1, le=9, description="From 1 (fast) to 9 (small).")


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
    realm: _Name | None = Field(
        default=None, description="Whose sessions and JWTs it takes; without it, its own: services may share one."
    )
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
        for secret in filter(None, (token.sha256, token.next_sha256)):
            first = owners.setdefault(secret.get_secret_value(), consumer)
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
    keyring: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(checks.long_secret)], ...], BeforeValidator(checks.one_a_line)
    ] = Field(
        default=(),
        description="Secrets that seal cookies and sign tokens, newest first, at least 32 bytes each: a list, or one "
        "a line in `secrets/keyring`. Without one, the server makes its own in `server.data_dir`.",
    )
    sessions: Annotated[SessionsSection, _Empty] = Field(default=SessionsSection(), description="Sessions.")
    jwt: Annotated[JwtSection, _Empty] = Field(default=JwtSection(), description="JSON Web Tokens.")
    limits: Annotated[LimitsSection, _Empty] = Field(default=LimitsSection(), description="Limits.")
    cors: Annotated[CorsSection, _Empty] = Field(default=CorsSection(), description="Cross-origin requests.")
    gzip: Annotated[GzipSection, _Empty] = Field(default=GzipSection(), description="Compressed answers.")
    middlewares: Annotated[dict[_Name, Annotated[dict[str, Any], _Empty]], _Empty] = Field(
        default={}, repr=False, description="Settings of installed middlewares, by their names."
    )
    services: Annotated[dict[_Name, Annotated[ServiceSection, _Empty]], _Empty] = Field(
        default={},
        description="The services by name.",
    )

    @property
    def docs_mode(self) -> DocsMode:
        """Who sees the documentation pages, with the default resolved."""
        return self.docs or ("public" if self.server.loopback else "guarded")
