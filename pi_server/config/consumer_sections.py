"""Who may call: service tokens, sessions and JSON Web Tokens."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field, SecretStr

from pi_server.config import checks
from pi_server.config.section import ConsumerName, Empty, Name, Section
from pi_server.config.units import Duration

CREDENTIALS: Final = ("token", "session", "jwt")
"""The links of a chain that say who calls."""


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
    realms: tuple[Name, ...] = Field(
        min_length=1, description="Services that take its tokens: its users are theirs, also where a name is the same."
    )
    algorithm: JwtAlgorithm = Field(default="RS256", description="The one algorithm its keys are for.")


class JwtSection(Section):
    """Tokens of the header `Authorization: Bearer`, or of a cookie."""

    issuer: str = Field(default="pi-server", min_length=1, description="The `iss` of this server's tokens.")
    keys: Annotated[dict[ConsumerName, JwtKeySection], Empty] = Field(
        default={}, description="Keys by `kid`; the first that can sign does. None: a key made from the key ring."
    )
    jwks: Annotated[dict[Name, JwksSection], Empty] = Field(
        default={}, description="Other issuers whose tokens are taken, by a name of your own."
    )
    cookie: Annotated[str, AfterValidator(checks.cookie_name)] = Field(
        default="token", description="Name of the cookie a token may come in."
    )
    lifetime: Duration = Field(default=900.0, le=900.0, description="How long issued tokens are good; at most 15m.")
    leeway: Duration = Field(default=30.0, le=30.0, description="Difference of clocks to forgive; at most 30s.")
    remember: Duration = Field(default=60.0, description="How long a verified token is not verified again.")
