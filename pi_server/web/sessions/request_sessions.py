"""The sessions of one realm, as the services in it see them."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from aiohttp import web

from pi_server.domain.call import Call
from pi_server.domain.faults import Unauthenticated
from pi_server.domain.security import Session
from pi_server.web.sessions.record import Record, new_id
from pi_server.web.sessions.storage import SESSION, OpenSession, SessionStorage

SERVED: ContextVar[web.Request] = ContextVar("served")
"""The request being served: operations know only their call, and a session lives in the request's cookie."""


class RequestSessions:
    """`Sessions` in the cookie of the request being served.

    ``call`` says whose turn it is; outside of a request every method but `close_all` raises a LookupError.
    """

    def __init__(self, realm: str, storage: SessionStorage) -> None:
        """The sessions of ``realm``; all realms of a server share one ``storage`` and one cookie."""
        self._realm = realm
        self._storage = storage

    async def current(self, call: Call) -> Session | None:
        """The session of this realm, unless it is over or revoked."""
        record = await self._record()
        return self._told(record) if record else None

    async def open(
        self, call: Call, user: str, *, data: Mapping[str, Any] | None = None, scopes: Sequence[str] = ()
    ) -> Session:
        """Open a session under an id nobody has seen; the one whose cookie it replaces ends, whatever its realm."""
        if not user:
            raise ValueError("a session is somebody's: user is empty")
        before = (await self._storage.of(SERVED.get())).record
        now = self._storage.rules.wall()
        record = Record(new_id(), user, self._realm, frozenset(scopes), now, now, dict(data or {}))
        cookie = await self._storage.keep(record)
        if before is not None:
            await self._storage.end(before)
        return self._answer(record, cookie)

    async def change(self, call: Call, data: Mapping[str, Any]) -> Session:
        """Put ``data`` in the place of all there was."""
        record = await self._record()
        if record is None:
            raise Unauthenticated(reason="no session to change")
        record = replace(record, data=dict(data), seen=self._storage.rules.wall())
        return self._answer(record, await self._storage.keep(record))

    async def close(self, call: Call) -> None:
        """End the session first, so that a cookie is not lost whose session could not be ended."""
        request = SERVED.get()
        record = (await self._storage.of(request)).record
        if record is not None and record.realm != self._realm:
            return
        if record is not None:
            await self._storage.end(record)
        if self._storage.load_cookie(request) is not None or record is not None:
            request[SESSION] = OpenSession(cookie="")

    async def end(self, session: str) -> None:
        """Revoke one by its id."""
        await self._storage.rules.revocations.revoke("session", session)

    async def close_all(self, user: str) -> None:
        """Revoke everything issued to ``user`` up to now."""
        await self._storage.rules.revocations.revoke_user(f"{self._realm}/{user}")

    async def _record(self) -> Record | None:
        record = (await self._storage.of(SERVED.get())).record
        if record is None or record.realm != self._realm or not self._storage.holds(record):
            return None  # asked anew: `close_all` may have ended it within this very call
        return record

    def _answer(self, record: Record, cookie: str) -> Session:
        SERVED.get()[SESSION] = OpenSession(record, cookie=cookie)
        return self._told(record)

    def _told(self, record: Record) -> Session:
        opened = datetime.fromtimestamp(record.opened, UTC)
        return Session(
            id=record.id,
            user=record.user,
            opened=opened,
            expires=opened + timedelta(seconds=self._storage.rules.lifetimes.absolute),
            data=MappingProxyType(record.data if isinstance(record.data, dict) else dict(record.data)),
            scopes=record.scopes,
        )
