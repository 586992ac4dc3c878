"""The policies of a provider in its section of the configuration."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from pi_server.config import Duration
from pi_server.domain.policy import BreakerPolicy, BulkheadPolicy, PacePolicy, RetryPolicy

Status = Annotated[int, Field(ge=400, le=599)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrySection(_Section):
    """Another try after a failed one."""

    times: int = Field(
        default=1,
        ge=0,
        le=5,
        description="How many tries of a repeatable message may follow the first; 0 switches it off.",
    )
    unsent: bool = Field(
        default=False, description="Whether messages that are not repeatable are, too, as long as no byte has left."
    )
    pause: Duration = Field(default=0.05, description="The longest pause before the first of them; then it doubles.")
    longest: Duration = Field(default=1.0, description="The longest pause, unless the provider asks for a longer one.")
    statuses: tuple[Status, ...] = Field(
        default=(429, 502, 503, 504), description="Answers after which a repeatable message is tried again."
    )

    def policy(self) -> RetryPolicy:
        """As numbers."""
        return RetryPolicy(
            times=self.times,
            unsent=self.unsent,
            pause=self.pause,
            longest=self.longest,
            statuses=frozenset(self.statuses),
        )


class BreakerSection(_Section):
    """No exchanges with an endpoint that keeps failing."""

    failures: int = Field(
        default=5,
        ge=0,
        le=1000,
        description="It opens when failures outnumber successes by so many; 0 switches it off.",
    )
    window: Duration = Field(default=10.0, description="The time within which they count.")
    probe: Duration = Field(
        default=5.0, description="While it is open: the time between exchanges that find out if the endpoint is well."
    )
    kinds: tuple[Literal["unreachable", "timeout", "malformed", "too_large"], ...] = Field(
        default=("unreachable", "timeout", "malformed"), description="The kinds of faults that count as failures."
    )
    statuses: tuple[Status, ...] = Field(default=(502, 503, 504), description="The answers that count as failures.")

    def policy(self) -> BreakerPolicy:
        """As numbers."""
        return BreakerPolicy(
            failures=self.failures,
            window=self.window,
            probe=self.probe,
            kinds=frozenset(self.kinds),
            statuses=frozenset(self.statuses),
        )


class BulkheadSection(_Section):
    """Not too many exchanges at once."""

    in_flight: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="How many exchanges run at once: as many as `connections`, unless given; 0: any number.",
    )
    queue: int = Field(default=500, ge=0, le=100_000, description="How many more may wait.")
    wait: Duration = Field(default=1.0, description="How long each of them waits at most.")

    def policy(self, connections: int) -> BulkheadPolicy:
        """As numbers."""
        in_flight = connections if self.in_flight is None else self.in_flight
        return BulkheadPolicy(in_flight=in_flight, queue=self.queue, wait=self.wait)


class PaceSection(_Section):
    """The provider's quota."""

    requests: int = Field(
        default=0, ge=0, le=100_000, description="How many exchanges may begin in any period; 0: no quota."
    )
    period: Duration = Field(default=1.0, description="The time that the quota is for.")

    def policy(self) -> PacePolicy:
        """As numbers."""
        return PacePolicy(requests=self.requests, period=self.period)
