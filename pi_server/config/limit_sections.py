"""How much consumers may ask for, and from where."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pi_server.config import checks
from pi_server.config.section import Empty, HeaderName, Section
from pi_server.config.units import Duration, Size
from pi_server.domain.connections import LOOPBACK


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


class ConnectionsSection(Section):
    """What one connection may cost, and how many there may be."""

    worker: int = Field(default=5000, ge=1, description="Connections of a worker; more get 503, or are closed.")
    address: int = Field(default=100, ge=1, description="Connections of one address (IPv6: of one network of 64 bits).")
    proxies: tuple[Annotated[str, AfterValidator(checks.network)], ...] = Field(
        default=LOOPBACK,
        description="Networks whose addresses stand for many consumers, and have no limit of their own.",
    )
    head: Duration = Field(
        default=10.0,
        description="Longest time from the connection, or the first byte after an answer, to full headers.",
    )
    write: Duration = Field(default=15.0, description="Longest time in which nothing is taken of an answer.")
    untaken: Size = Field(
        default=32 * 1024 * 1024,
        description="What all consumers may leave untaken of answers; beyond it who takes nothing is reset at once.",
    )
    headers: Size = Field(default=16 * 1024, description="Largest headers of a request; more get 431.")
    fields: int = Field(default=64, ge=1, description="Most headers of a request; more get 400.")
    line: Size = Field(default=8 * 1024, description="Longest header, or request line; longer ones get 400.")
    chunks: Size = Field(
        default=4 * 1024, description="What may stand around the chunks of a body, beyond as much as stands in them."
    )
    pipelined: int = Field(default=16, ge=2, description="Requests that may wait on one connection.")


class LimitsSection(Section):
    """How much consumers may ask for."""

    in_flight: int = Field(default=512, ge=1, description="Calls served at once by a worker; more get 503.")
    body_idle: Duration = Field(default=10.0, description="Longest pause within a body.")
    body_total: Duration = Field(default=30.0, description="Longest time a body may take to arrive.")
    rates: Annotated[RatesSection, Empty] = Field(default=RatesSection(), description="Rate limits.")
    connections: Annotated[ConnectionsSection, Empty] = Field(
        default=ConnectionsSection(), description="Connections of consumers."
    )


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
