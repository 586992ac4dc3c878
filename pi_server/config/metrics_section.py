"""Where the server tells its figures."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from pi_server.config import checks
from pi_server.config.section import Section


class MetricsSection(Section):
    """Where the server tells its figures, in the form of Prometheus."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to tell them on; whoever reaches it may read them."
    )
    port: Annotated[int, Field(ge=1, le=65535), BeforeValidator(checks.not_bool)] | None = Field(
        default=None, description="TCP port of `/metrics`; without it, nothing is counted."
    )
