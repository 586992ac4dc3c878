"""How often somebody may try a secret and fail."""

from dataclasses import dataclass
from typing import Protocol

DAY = 86_400.0
MONTH = 30 * DAY


@dataclass(frozen=True, slots=True)
class Allowance:
    """``most`` failures within ``within`` seconds; then comes a pause of as long, twice as long each time.

    No pause is longer than ``longest`` seconds.  After ``stop`` failures within 30 days (None: never) a pause lasts 30
    days.  ``Annotated[Attempts, Allowance(5)]`` declares one.
    """

    most: int = 5
    within: float = 900.0
    longest: float = DAY
    stop: int | None = 100

    def pause(self, times: int) -> float:
        """Seconds of the pause that comes as the ``times``-th within 30 days."""
        if self.stop is not None and times * self.most >= self.stop:
            return MONTH
        return min(self.within * 2.0 ** min(times - 1, 32), max(self.longest, self.within))


ALLOWANCE = Allowance()


class Attempts(Protocol):
    """Counts attempts and failures by a key, for all workers together: declare ``attempts: Attempts`` in a service.

    While the key store is away each worker counts alone, and grants its share.  No method raises.
    """

    async def begin(self, key: str) -> bool:
        """Count an attempt before it is made, so that those made at once are counted too; False: it must not be."""
        ...

    async def failed(self, key: str) -> None:
        """Tell that an attempt failed; a pause begins if there were too many."""
        ...

    async def withdraw(self, key: str) -> None:
        """Tell that an attempt was no failure: it does not count, those before it do."""
        ...

    async def forget(self, key: str) -> None:
        """Forget all failures, and end a pause: whoever the key stands for has proved to be that one."""
        ...
