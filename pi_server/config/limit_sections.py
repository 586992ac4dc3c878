"""How much consumers may ask for, and from where."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pi_server.config import checks
from pi_server.config.section import Empty, HeaderName, Section
from pi_server.config.units import Duration, Size


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
    rates: Annotated[RatesSection, Empty] = Field(default=RatesSection(), description="Rate limits.")


class IdempotencySection(Section):
    """Repeats of operations that must happen only once, known by their `Idempotency-Key`."""

    keep: Duration = Field(default=86_400.0, description="How long an answer is kept, and its key known.")
    wait: Duration = Field(default=5.0, description="Longest time a repeat waits for the first call to end.")


class CorsSection(Section):
    """Pages of other sites that may call; off without `origins`."""

    origins: tuple[Annotated[str, AfterValidator(checks.origin)], ...] = Field(
        default=(), description="Exact origins, such as `https://app.example`; `*` and `null` are never allowed."
    )
    headers: tuple[HeaderName, ...] = Field(
        default=("Content-Type", "Authorization", "x-srv-token", "activityid", "Idempotency-Key"),
        description="Request headers such a page may set.",
    )
    expose: tuple[HeaderName, ...] = Field(default=("activityid",), description="Answer headers it may read.")
    credentials: bool = Field(default=False, description="Whether browsers may send cookies along.")
    max_age: Duration = Field(default=600.0, description="How long browsers remember the permission.")


class GzipSection(Section):
    """The link `gzip`."""

    minimum: Size = Field(default=1024, description="Smallest answer worth compressing.")
    level: int = Field(default=6, ge=1, le=9, description="From 1 (fast) to 9 (small).")
