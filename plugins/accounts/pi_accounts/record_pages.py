"""Medical records for people: forms in, pages out."""

from datetime import UTC, datetime
from typing import Any

from pi_accounts.account_pages import AccountPages
from pi_accounts.forms import RecordForm, record_in, shown_in_form
from pi_accounts.record_operations import RecordOperations
from pi_accounts.shown import SENTENCES, record_row
from pi_server import Call, get, post
from pi_server.pages import Form, Page, Redirect

PAGE = 20
"""Records on one page."""


class RecordPages(AccountPages, RecordOperations):
    """The pages of records."""

    @get("/records", page=True)
    async def records_page(self, call: Call, after: str | None = None, done: str = "") -> Page:
        """Show one's own records, the latest first."""
        found = await self.records.page(call, PAGE, after)
        rows, said = [record_row(one) for one in found.records], SENTENCES.get(done, "")
        return await self._shown(call, "records.html", rows=rows, next=found.next, first=after is None, done=said)

    @get("/user/add", page=True)
    async def add_page(self, call: Call) -> Page:
        """Show the form for a new record."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M")
        return await self._shown(call, "add.html", form=Form[RecordForm](given={"taken": now}))

    @post("/user/add", page=True)
    async def add_by_form(self, call: Call, form: Form[RecordForm]) -> Page | Redirect:
        """Add a record."""
        read = record_in(form)
        if isinstance(read, Form):
            return await self._shown(call, "add.html", 422, form=read)
        await self._added(call, read)
        return Redirect("/records/?done=added")

    @get("/records/{record_id}", page=True)
    async def record_page(self, call: Call, record_id: str) -> Page:
        """Show one record with all it holds."""
        return await self._shown(call, "record.html", row=record_row(await self.records.read(call, record_id)))

    @get("/records/{record_id}/change", page=True)
    async def change_page(self, call: Call, record_id: str) -> Page:
        """Show the form for a record that is there."""
        record = await self.records.read(call, record_id)
        return await self._shown(call, "change.html", form=shown_in_form(record), id=record_id)

    @post("/records/{record_id}/change", page=True)
    async def change_by_form(self, call: Call, record_id: str, form: Form[RecordForm]) -> Page | Redirect:
        """Change a record; what the form does not show stays as it was."""
        read = record_in(form, await self.records.read(call, record_id))
        if isinstance(read, Form):
            return await self._shown(call, "change.html", 422, form=read, id=record_id)
        await self.records.change(call, record_id, read)
        return Redirect("/records/?done=changed")

    @get("/records/{record_id}/delete", page=True)
    async def delete_record_page(self, call: Call, record_id: str) -> Page:
        """Ask whether a record shall be deleted."""
        return await self._shown(call, "delete_record.html", row=record_row(await self.records.read(call, record_id)))

    @post("/records/{record_id}/delete", page=True)
    async def delete_record_by_form(self, call: Call, record_id: str) -> Redirect:
        """Delete a record."""
        await self.records.remove(call, record_id)
        return Redirect("/records/?done=removed")

    async def _shown(self, call: Call, template: str, status: int = 200, **context: Any) -> Page:
        return Page(template, {**context, "who": await self._who(call)}, status=status)
