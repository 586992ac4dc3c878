"""Medical records as they are kept: owner and times in the clear, to search by; everything else sealed."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from pydantic import BaseModel

from pi_accounts.faults import Unreadable
from pi_accounts.medical import MedicalRecord, RecordPage, ShownRecord
from pi_server import Call, Fault
from pi_server.data import Collection, Filter, NotFound, Order, Record, Stale, where, with_id
from pi_server.security import Audit, Opened, Sealer

_AGAIN = 60.0  # seconds until a sweep that met a store that is away begins anew
_BATCH = 100
_log = logging.getLogger("pi_accounts")


class Kept(BaseModel):
    """Kept: whose it is, when it was taken, added and changed, and the rest where nobody can read it."""

    owner: str
    taken: datetime
    added: datetime
    changed: datetime
    sealed: str


@dataclass(frozen=True, slots=True)
class Records:
    """The records of everybody, each asked for together with its owner: another's is as good as none."""

    kept: Collection[Kept]
    sealer: Sealer
    audit: Audit

    async def add(self, call: Call, record: MedicalRecord) -> ShownRecord:
        """Keep a new one of whoever calls."""
        now, id_ = datetime.now(UTC), token_hex(16)
        self._tell(call, "add", id_, fields=record.given)
        kept = Kept(
            owner=call.consumer.name, taken=record.taken, added=now, changed=now, sealed=self._sealed(call, record)
        )
        return self._shown(await self.kept.insert(kept, id=id_))

    async def page(self, call: Call, limit: int, after: str | None) -> RecordPage:
        """Some of whoever calls, the latest first."""
        order = Order("taken", descending=True)
        found = await self.kept.find(_of(call), order=order, limit=limit, after=after)
        shown = [self._shown(record) for record in found.items]
        self._tell(call, "list", *(one.id for one in shown), fields=_fields(shown))
        return RecordPage(records=shown, next=found.next)

    async def read(self, call: Call, id_: str) -> ShownRecord:
        """One of whoever calls; `NotFound` for any other."""
        shown = self._shown(await self._found(call, id_))
        self._tell(call, "read", id_, fields=shown.given)
        return shown

    async def change(self, call: Call, id_: str, record: MedicalRecord) -> ShownRecord:
        """Put another in the place of one; `NotFound` as above, `Stale` if it was changed at the same moment."""
        found = await self._found(call, id_)
        self._tell(call, "change", id_, fields=record.given)
        changed = {"taken": record.taken, "changed": datetime.now(UTC), "sealed": self._sealed(call, record)}
        return self._shown(await self.kept.replace(found, found.value.model_copy(update=changed)))

    async def remove(self, call: Call, id_: str) -> None:
        """Forget one; `NotFound` as above."""
        found = await self._found(call, id_)
        self._tell(call, "delete", id_)
        if not await self.kept.delete_where(_of(call) & with_id(found.id)):
            raise NotFound

    async def remove_all(self, call: Call) -> None:
        """Forget all of whoever calls."""
        self._tell(call, "delete all")
        await self.kept.delete_where(_of(call))

    async def keep_fresh(self) -> None:
        """Seal anew whatever an older secret of the key ring sealed, so that this secret can be taken away."""
        while True:
            try:
                count = await self._sweep()
            except Fault as fault:
                _log.warning("not all records are sealed with the newest secret yet: %s", fault)
                await asyncio.sleep(_AGAIN)
            else:
                level = logging.INFO if count else logging.DEBUG  # most starts follow no exchange of secrets
                _log.log(level, "all records are sealed with the newest secret, %d of them since this start", count)
                return

    async def _sweep(self) -> int:
        count, after = 0, None
        while True:
            found = await self.kept.find(limit=_BATCH, after=after)
            for record in found.items:
                count += await self._seal_anew(record)
            after = found.next
            if after is None:
                return count

    async def _seal_anew(self, record: Record[Kept]) -> bool:
        opened = self.sealer.unseal(record.value.sealed)
        if opened is None or opened.fresh:
            return False
        try:
            sealed = self.sealer.seal(opened.plain)
            await self.kept.replace(record, record.value.model_copy(update={"sealed": sealed}))
        except (NotFound, Stale):  # its owner was quicker
            return False
        return True

    async def _found(self, call: Call, id_: str) -> Record[Kept]:
        found = await self.kept.first(_of(call) & with_id(id_))
        if found is None:
            raise NotFound
        return found

    def _sealed(self, call: Call, record: MedicalRecord) -> str:
        """With its owner inside: whoever can write to the store must not give a record to somebody else."""
        plain = {"owner": call.consumer.name, "record": record.model_dump(mode="json", exclude_defaults=True)}
        return self.sealer.seal(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode())

    def _shown(self, record: Record[Kept]) -> ShownRecord:
        opened = self.sealer.unseal(record.value.sealed)
        inside = _inside(opened)
        if inside.get("owner") != record.value.owner:
            raise Unreadable(reason=f"record {record.id} is sealed with no key of the ring, or for another owner")
        kept = record.value
        return ShownRecord(**inside["record"], id=record.id, added=kept.added, changed=kept.changed)

    def _tell(self, call: Call, action: str, *ids: str, fields: tuple[str, ...] = ()) -> None:
        self.audit.record(call, action, whose=call.consumer.name, records=ids, fields=fields)


def _of(call: Call) -> Filter:
    return where("owner").eq(call.consumer.name)


def _inside(opened: Opened | None) -> Mapping[str, Any]:
    return json.loads(opened.plain) if opened else {}


def _fields(shown: list[ShownRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for one in shown for name in one.given))
