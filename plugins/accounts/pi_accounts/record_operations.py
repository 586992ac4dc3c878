"""Medical records for programs: JSON in, JSON out."""

from typing import Annotated

from pydantic import Field

from pi_accounts.desk import Desk
from pi_accounts.medical import MedicalRecord, RecordPage, ShownRecord
from pi_server import Call, Reply, delete, get, post, put
from pi_server.data import NotFound


class RecordOperations(Desk):
    """What somebody does with medical records of one's own; those of others are not found."""

    @post("/user/add")
    async def add_record(self, call: Call, record: MedicalRecord) -> Reply[ShownRecord]:
        """Add a medical record."""
        return Reply(await self._added(call, record), status=201)

    @get("/records")
    async def list_records(
        self, call: Call, limit: Annotated[int, Field(ge=1, le=100)] = 20, after: str | None = None
    ) -> RecordPage:
        """List one's own medical records, the latest first."""
        return await self.records.page(call, limit, after)

    @get("/records/{record_id}")
    async def read_record(self, call: Call, record_id: str) -> ShownRecord:
        """Read one of them."""
        return await self.records.read(call, record_id)

    @put("/records/{record_id}")
    async def change_record(self, call: Call, record_id: str, record: MedicalRecord) -> ShownRecord:
        """Put another in the place of one."""
        return await self.records.change(call, record_id, record)

    @delete("/records/{record_id}")
    async def delete_record(self, call: Call, record_id: str) -> None:
        """Delete one."""
        await self.records.remove(call, record_id)

    async def _added(self, call: Call, record: MedicalRecord) -> ShownRecord:
        """The record as it is kept; of an account that was deleted meanwhile nothing may stay."""
        shown = await self.records.add(call, record)
        try:
            await self.accounts.get(call.consumer.name)
        except NotFound:
            await self.records.remove_all(call)
            raise
        return shown
