"""A service's own part of the stores: no service sees what another one keeps."""

from __future__ import annotations

from collections.abc import Sequence

from pi_server.domain.stores import Documents, KeyStore, Store


class OwnedStore:
    """A `Store` whose collections and counters are named after their owner."""

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner

    def documents(self, name: str) -> Documents:
        """The owner's collection of that name."""
        return self._store.documents(f"{self._owner}.{name}")

    async def increment(self, counter: str, by: int = 1) -> int:
        """Add to the owner's counter."""
        return await self._store.increment(f"{self._owner}.{counter}", by)

    async def ping(self) -> None:
        """Ask whether the store is there."""
        await self._store.ping()

    async def close(self) -> None:
        """Do nothing: the store is the server's to close."""


class OwnedKeys:
    """A `KeyStore` whose keys begin with their owner."""

    def __init__(self, keys: KeyStore, owner: str) -> None:
        self._keys = keys
        self._prefix = f"service:{owner}:"

    async def get(self, key: str) -> bytes | None:
        """The owner's value."""
        return await self._keys.get(self._prefix + key)

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """The owner's values, in the order of ``keys``."""
        return await self._keys.get_many([self._prefix + key for key in keys])

    async def put(self, key: str, value: bytes, *, lasting: float | None = None) -> None:
        """Keep a value in the place of an older one."""
        await self._keys.put(self._prefix + key, value, lasting=lasting)

    async def add(self, key: str, value: bytes, *, lasting: float | None = None) -> bool:
        """Keep a value if there is none; whether it was kept."""
        return await self._keys.add(self._prefix + key, value, lasting=lasting)

    async def replace(self, key: str, value: bytes | None, *, old: bytes, lasting: float | None = None) -> bool:
        """Keep a value, or none, in the place of ``old``, if that is there now; whether it was."""
        return await self._keys.replace(self._prefix + key, value, old=old, lasting=lasting)

    async def delete(self, key: str) -> bool:
        """Forget a value; whether there was one."""
        return await self._keys.delete(self._prefix + key)

    async def increment(self, key: str, by: int = 1, *, lasting: float | None = None) -> int:
        """Add to the owner's counter."""
        return await self._keys.increment(self._prefix + key, by, lasting=lasting)

    async def ping(self) -> None:
        """Ask whether the store is there."""
        await self._keys.ping()

    async def close(self) -> None:
        """Do nothing: the store is the server's to close."""
