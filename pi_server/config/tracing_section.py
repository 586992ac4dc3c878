"""Where spans are sent."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from pi_server.config import checks
from pi_server.config.section import Section, Text


class TracingSection(Section):
    """Where the server sends a span for each call and each exchange, in the form of OpenTelemetry."""

    otlp: Annotated[SecretStr, AfterValidator(checks.secret_url)] | None = Field(
        default=None,
        description="An http or https address that takes OTLP, such as `http://127.0.0.1:4318/v1/traces`; without it, "
        "there are no spans. It needs `pi-server[telemetry]`.",
    )
    service: Text = Field(default="pi-server", description="Name by which the collector knows this server.")
    sample: Annotated[float, Field(ge=0, le=1), BeforeValidator(checks.not_bool)] = Field(
        default=1.0, description="Share of calls that have spans, where the consumer's `traceparent` does not say."
    )
