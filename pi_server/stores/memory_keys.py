"""Keys in the memory of one process: for tests, and for a server that runs as a single worker."""

from collections.abc import Sequence
from math import inf
from time import monotonic

from pi_server.stores.key_rules import added, milliseconds

_FEW = 1000  # entries that are not worth a sweep


class MemoryKeys:
    """Forgets everything with its process.  Times are monotonic: a step of the clock changes nothing.

    Nothing limits how many values are kept, but expired ones go before they are as many as those that live.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, float]] = {}  # the value, and when it ends
        self._sweep_at = _FEW

    async def get(self, key: str) -> bytes | None:
        """See `KeyStore.get`."""
        return self._value(key)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `KeyStore.get_many`."""
        return [self._value(key) for key in keys]

    async def put(self, key: str, value: bytes, *, lasting: float | None = None) -> None:
        """See `KeyStore.put`."""
        self._keep(key, value, _end(lasting))

    async def add(self, key: str, value: bytes, *, lasting: float | None = None) -> bool:
        """See `KeyStore.add`."""
        if self._value(key) is not None:
            return False
        self._keep(key, value, _end(lasting))
        return True

    async def replace(self, key: str, value: bytes | None, *, old: bytes, lasting: float | None = None) -> bool:
        """See `KeyStore.replace`."""
        if self._value(key) != old:
            return False
        if value is None:
            del self._kept[key]
        else:
            self._keep(key, value, _end(lasting))
        return True

    async def delete(self, key: str) -> bool:
        """See `KeyStore.delete`."""
        found = self._value(key) is not None
        self._kept.pop(key, None)
        return found

    async def increment(self, key: str, by: int = 1, *, lasting: float | None = None) -> int:
        """See `KeyStore.increment`."""
        value = self._value(key)
        end = _end(lasting) if value is None else self._kept[key][1]
        total = added(value, by)
        self._keep(key, b"%d" % total, end)
        return total

    async def ping(self) -> None:
        """It is always there."""

    async def close(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def _value(self, key: str) -> bytes | None:
        value, end = self._kept.get(key, (None, inf))
        return value if monotonic() < end else None

    def _keep(self, key: str, value: bytes, end: float) -> None:
        if len(self._kept) >= self._sweep_at:
            self._sweep()
        self._kept[key] = value, end

    def _sweep(self) -> None:
        now = monotonic()
        self._kept = {key: entry for key, entry in self._kept.items() if now < entry[1]}
        self._sweep_at = 2 * len(self._kept) + _FEW  # so that a sweep costs each write the same, however many live


def _end(lasting: float | None) -> float:
    left = milliseconds(lasting)
    return inf if left is None else monotonic() + left / 1000
