"""What is done about plugins that hold up the whole server."""

from pydantic import Field

from pi_server.config.section import Section
from pi_server.config.units import Duration


class GuardSection(Section):
    """What a plugin may do to the others before somebody is told, or it is stopped."""

    blocked: Duration = Field(
        default=0.2, description="How long a plugin may hold up the event loop before a line names it."
    )
    stalled: Duration = Field(
        default=10.0, description="How long before the worker is given up, and replaced where a master runs."
    )
    quarantine: int = Field(
        default=0, ge=0, description="Blockings in a minute after which a service answers 503; 0 for never."
    )
    tasks: int = Field(default=1000, ge=1, description="Tasks that one plugin may have at once before a line names it.")
