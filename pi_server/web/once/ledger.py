"""What is known of orders, sealed in the key store that all workers share."""

import asyncio
from dataclasses import dataclass
from time import time
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from pi_server.domain.faults import OutcomeUnknown
from pi_server.domain.once import Known, Running
from pi_server.domain.security import Sealer
from pi_server.domain.stores import KeyStore

_KNOWN: Final[TypeAdapter[Any]] = TypeAdapter(Annotated[Known, Field(discriminator="state")])


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found: as it is kept, by which it is known again, and what it says."""

    kept: bytes
    known: Known


class Ledger:
    """Remembers orders for a time.  Every method may raise `StoreUnavailable`."""

    def __init__(self, keys: KeyStore, sealer: Sealer, lasting: float) -> None:
        """Forget an order ``lasting`` seconds after it was last written, and none that may still be running."""
        self._keys = keys
        self._sealer = sealer
        self._lasting = lasting
        self._ready = False

    async def prepare(self) -> None:
        """Load the cryptography when there is an order, beside the loop: nine megabytes most servers need not hold."""
        if not self._ready:
            await asyncio.to_thread(self._sealer.unseal, "")
            self._ready = True

    async def look(self, name: str, before: Entry | None = None) -> Entry | None:
        """What is known of an order; the entry of ``before``, if it is still there.

        Raises:
            OutcomeUnknown: what is kept was sealed with a key that is gone, or by another version.
        """
        kept = await self._keys.get(name)
        if kept is None:
            return None
        return before if before and kept == before.kept else Entry(kept, self._opened(kept))

    async def take(self, name: str, found: Entry | None, known: Known) -> Entry | None:
        """Write what becomes of the order in the place of what was found; None if somebody was quicker."""
        kept = self._sealer.seal(_KNOWN.dump_json(known)).encode()
        lasting = self._lasting + (max(0.0, known.until - time()) if isinstance(known, Running) else 0.0)
        if found is None:
            taken = await self._keys.add(name, kept, lasting=lasting)
        else:
            taken = await self._keys.replace(name, kept, old=found.kept, lasting=lasting)
        return Entry(kept, known) if taken else None

    async def forget(self, name: str, found: Entry) -> bool:
        """Free the order, if it is still as it was found; whether it was."""
        return await self._keys.replace(name, None, old=found.kept)

    def _opened(self, kept: bytes) -> Known:
        opened = self._sealer.unseal(kept.decode("ascii", "replace"))
        try:
            if opened is not None:
                known: Known = _KNOWN.validate_json(opened.plain)
                return known
        except ValidationError:  # its text holds the answer
            pass
        raise OutcomeUnknown(reason="what is kept under this key cannot be read")
