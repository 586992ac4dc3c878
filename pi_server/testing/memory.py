"""Stores that live as long as a test."""

from typing import TypeVar

from pydantic import BaseModel

from pi_server.domain.collection import Collection
from pi_server.domain.stores import Index, KeyStore, Store
from pi_server.stores.memory import MemoryStore
from pi_server.stores.memory_keys import MemoryKeys

M = TypeVar("M", bound=BaseModel)


def memory_collection(model: type[M], *indexes: Index) -> Collection[M]:
    """An empty collection, for a field such as ``users: Annotated[Collection[User], Index("name", unique=True)]``.

    A test that wants the field's indexes names them again: ``memory_collection(User, Index("name", unique=True))``.
    """
    return Collection(model, MemoryStore().documents("test"), *indexes)


def memory_store() -> Store:
    """An empty store, for a field of the type `Store`; it keeps the contract that every other store keeps."""
    return MemoryStore()


def memory_keys() -> KeyStore:
    """An empty key store, for a field of the type `KeyStore`."""
    return MemoryKeys()
