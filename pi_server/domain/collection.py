"""A plugin's documents as typed models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError

from pi_server.domain.filters import EVERYTHING, Filter
from pi_server.domain.stores import BY_ID, Documents, Index, Order, Stored

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Record(Generic[M]):
    """A model as it was read, with the id and version under which the store knows it."""

    id: str
    version: int
    value: M


@dataclass(frozen=True, slots=True)
class Records(Generic[M]):
    """Some records in the order asked for; ``next`` is where to go on, None at the end."""

    items: Sequence[Record[M]]
    next: str | None = None


class Collection(Generic[M]):
    """Documents of one model: declare ``users: Collection[User]`` in a service to have one.

    ``Annotated[Collection[User], Index("email", unique=True)]`` declares what is searched by, or must be unique.
    What is given back is as the store keeps it, so times are cut to milliseconds.  All methods raise the faults of
    `Documents`; what a consumer should be told instead is for the operation to say.
    """

    def __init__(self, model: type[M], documents: Documents, *indexes: Index) -> None:
        """Keep ``model`` instances in ``documents``; the indexes are made when first needed."""
        self._model = model
        self._documents = documents
        self._missing = indexes

    async def insert(self, value: M, *, id: str | None = None, expires: datetime | None = None) -> Record[M]:  # noqa: A002
        """Keep a new one, under a random id unless one is given."""
        documents = await self._indexed()
        return self._record(await documents.insert(_document(value), id=id, expires=expires))

    async def get(self, id: str) -> Record[M]:  # noqa: A002
        """The one with that id; `NotFound` otherwise."""
        return self._record(await self._documents.get(id))

    async def find(
        self, where: Filter = EVERYTHING, *, order: Order = BY_ID, limit: int = 100, after: str | None = None
    ) -> Records[M]:
        """Those the filter finds, ``limit`` at a time; ``after`` is the ``next`` of an earlier answer."""
        documents = await self._indexed()
        found = await documents.find(where, order=order, limit=limit, after=after)
        return Records([self._record(stored) for stored in found.items], found.next)

    async def first(self, where: Filter) -> Record[M] | None:
        """One that the filter finds, or None."""
        found = await self.find(where, limit=1)
        return found.items[0] if found.items else None

    async def replace(self, record: Record[M], value: M, *, expires: datetime | None = None) -> Record[M]:
        """Put ``value`` in the place of the record as it was read; `Stale` if somebody was quicker."""
        documents = await self._indexed()
        document = _document(value)
        return self._record(await documents.replace(record.id, document, version=record.version, expires=expires))

    async def delete(self, id: str, *, version: int | None = None) -> None:  # noqa: A002
        """Forget one; `NotFound` if there is none."""
        await self._documents.delete(id, version=version)

    async def delete_where(self, where: Filter) -> int:
        """Forget all that the filter finds; how many there were."""
        return await self._documents.delete_where(where)

    async def count(self, where: Filter = EVERYTHING) -> int:
        """How many the filter finds."""
        return await self._documents.count(where)

    async def _indexed(self) -> Documents:
        """The documents, with their indexes: made at first use, for a store may be away when the server starts."""
        if self._missing:
            await self._documents.ensure_indexes(*self._missing)
            self._missing = ()
        return self._documents

    def _record(self, stored: Stored) -> Record[M]:
        try:
            return Record(stored.id, stored.version, self._model.model_validate(stored.document))
        except ValidationError as error:  # not the consumer's input, so not its fault
            raise TypeError(f"the stored {self._model.__name__} {stored.id} fits its model no more") from error


def _document(value: BaseModel) -> dict[str, Any]:
    """Names and plain values; times stay times, so that a store can order them."""
    return {name: _plain(item) for name, item in value.model_dump(by_alias=True).items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str | datetime):
        return value
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in cast("Iterable[Any]", value)]
    return str(value)  # Decimal, UUID ...: as they are read back
