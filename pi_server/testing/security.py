"""Stand-ins for what guards people's data: `FakeAttempts`, `FakeSealer` and `FakeAudit`."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Sequence
from dataclasses import dataclass, field

from pi_server.domain.attempts import ALLOWANCE, Allowance
from pi_server.domain.call import Call
from pi_server.domain.security import Opened
from pi_server.stores.attempts import CountedAttempts
from pi_server.stores.memory_keys import MemoryKeys

__all__ = ["Audited", "FakeAttempts", "FakeAudit", "FakeSealer"]

_TODAY, _EARLIER = "fake.", "fake-older."


class FakeAttempts(CountedAttempts):
    """Stands in a test where a service has `Attempts`: counts as the server does, in the memory of the test."""

    def __init__(self, allowance: Allowance = ALLOWANCE) -> None:
        """Grant what ``allowance`` says; that of a field, ``Annotated[Attempts, Allowance(3)]``, is named again."""
        super().__init__(MemoryKeys(), "test", allowance)


class FakeSealer:
    """Stands in a test where a service has a `Sealer`: not secret, so that a test can see what was sealed."""

    def seal(self, plain: bytes, /) -> str:
        """Text that `unseal` opens."""
        return _TODAY + urlsafe_b64encode(plain).decode()

    def unseal(self, sealed: str, /) -> Opened | None:
        """What was sealed; None for anything else."""
        for beginning in (_TODAY, _EARLIER):
            if sealed.startswith(beginning):
                try:
                    return Opened(urlsafe_b64decode(sealed.removeprefix(beginning)), fresh=beginning == _TODAY)
                except Error:
                    return None
        return None

    @staticmethod
    def older(sealed: str) -> str:
        """The same as if an older key had sealed it: opened, it is not ``fresh``."""
        return _EARLIER + sealed.removeprefix(_TODAY)


@dataclass(frozen=True, slots=True)
class Audited:
    """One access, as `FakeAudit` was told it."""

    who: str
    action: str
    whose: str
    records: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(slots=True)
class FakeAudit:
    """Stands in a test where a service has an `Audit`; ``told`` is what it was told, in order."""

    told: list[Audited] = field(default_factory=list[Audited])

    def record(
        self, call: Call, action: str, *, whose: str, records: Sequence[str] = (), fields: Sequence[str] = ()
    ) -> None:
        """Keep it."""
        self.told.append(Audited(call.consumer.name, action, whose, tuple(records), tuple(fields)))
