"""Who is told when something needs an operator."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from pi_server.config import checks
from pi_server.config.section import Section, Text
from pi_server.config.units import Duration


class AlertsSection(Section):
    """Who is told when a provider's breaker opens, and when it closes again."""

    command: tuple[Text, ...] = Field(
        default=(), description="A program and its arguments; it gets each alert on standard input, as JSON."
    )
    webhook: Annotated[SecretStr, AfterValidator(checks.secret_url)] | None = Field(
        default=None, description="An http or https address that each alert is posted to, as JSON."
    )
    timeout: Duration = Field(default=10.0, description="Longest time either may take.")
