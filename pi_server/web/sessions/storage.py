"""Where sessions are kept, on aiohttp-session's contract: an `AbstractStorage` loads them and saves them.

Everything that can fail (sealing, the store) happens inside the chain, where a failure is still a fault; the answer's
cookie is ready by then and only has to be set.  Its ``get_session`` and ``session_middleware`` work with these
storages; the chain's own links do without them, because they decide too late, and leave text keys on a request.
"""

import logging
from abc import abstractmethod
from collections.abc import Sized
from dataclasses import replace
from typing import TypeVar

from aiohttp import web
from aiohttp_session import AbstractStorage
from aiohttp_session import Session as LibrarySession

from pi_server.config.consumer_sections import SessionsSection
from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import KeyStore
from pi_server.web.sessions.csrf_tokens import by_session
from pi_server.web.sessions.record import ID_LENGTH, Record, decode
from pi_server.web.sessions.rules import SessionRules

LARGEST_COOKIE = 3800
"""Characters of a sealed session: browsers drop cookies of more than 4,096 with name and flags, without a word."""

LARGEST_STORED = 65_536
"""Bytes of a session kept on the server."""

_RENEWED = 60.0  # seconds the idle clock may lag behind, so that not every answer sets a cookie
_KIND = "session"  # as revocations name it
_log = logging.getLogger("pi_server.sessions")

_Kept = TypeVar("_Kept", bound=Sized)


class OpenSession(LibrarySession):
    """The session of one request, once somebody asked for it; as a mapping, its data.

    ``record`` is None where nobody is signed in.  ``cookie`` is what the answer shall set: a sealed text, ``""`` to
    remove it, None to leave it; ``renewal`` says that nothing is lost if it cannot be set.
    """

    def __init__(self, record: Record | None = None, *, cookie: str | None = None, renewal: bool = False) -> None:
        """Without a record it is the session of nobody."""
        self.record = record
        self.cookie = cookie
        self.renewal = renewal
        super().__init__(
            record.id if record else None,
            data={"created": int(record.opened), "session": dict(record.data)} if record else None,
            new=record is None,
        )

    @property
    def edited(self) -> bool:
        """Whether it was changed as a mapping, which its storage has not seen yet."""
        return self._changed


SESSION: web.RequestKey[OpenSession | None] = web.RequestKey("session")
"""The session of a request, as soon as somebody has asked for it; None before that, as with `FAULT`."""


class SessionStorage(AbstractStorage):
    """What both storages have in common: the cookie, the lifetimes, the revocations."""

    def __init__(self, rules: SessionRules) -> None:
        """Keep sessions by these rules."""
        cookie = rules.cookie
        super().__init__(cookie_name=cookie.name, secure=cookie.secure, samesite=cookie.same_site)
        self.rules = rules

    async def of(self, request: web.Request) -> OpenSession:
        """The session of a request, opened the first time it is asked for; `StoreUnavailable` as `Revocations`."""
        found = request.get(SESSION)
        if found is None:
            found = request[SESSION] = await self.load_session(request)
        return found

    async def load_session(self, request: web.Request) -> OpenSession:
        """What the cookie of a request says; anything that is no living session of this server is nobody's."""
        sealed = self.rules.cookie.shown(request)
        if sealed is None or len(sealed) > LARGEST_COOKIE or not sealed.isascii():
            return OpenSession()
        opened = self.rules.sealer.unseal(sealed)
        record = await self._read(opened.plain) if opened else None
        if opened is None or record is None or not self.holds(record):
            _log.debug("a session cookie that is not valid, or not any more")
            return OpenSession()
        return await self._renewed(record, fresh=opened.fresh)

    async def save_session(self, request: web.Request, response: web.StreamResponse, session: LibrarySession) -> None:
        """Set the cookie a session has ready; what cannot be kept any more is logged, and never raises."""
        if not isinstance(session, OpenSession):
            raise TypeError(f"{type(session).__name__} is no session of this storage")
        if session.edited:
            session = await self._keep_edits(session)
        if session.cookie is None or (response.prepared and session.renewal):
            return
        if response.prepared:
            _log.error("%s %s changed a session after its answer had begun: not kept", request.method, request.path)
            return
        self.save_cookie(response, session.cookie)
        if session.record is not None:
            self.rules.csrf.give(response, by_session(session.record))

    def load_cookie(self, request: web.Request) -> str | None:
        """The sealed text a request shows, if it is one text."""
        return self.rules.cookie.shown(request)

    def save_cookie(self, response: web.StreamResponse, cookie_data: str, *, max_age: int | None = None) -> None:
        """Set the cookie, or remove it with its CSRF token; the lifetime is in the sealed data, not here."""
        response.headers.setdefault("Cache-Control", "no-store")  # nobody else may be given this answer
        if cookie_data:
            self.rules.cookie.put(response, cookie_data)
        else:
            self.rules.cookie.remove(response)
            self.rules.csrf.cookie.remove(response)

    def holds(self, record: Record) -> bool:
        """Whether a session is neither over nor revoked; `StoreUnavailable` as `Revocations`."""
        rules = self.rules
        return record.lives(rules.wall(), rules.lifetimes) and not rules.revocations.revoked(
            _KIND, record.id, record.owner, record.opened
        )

    async def end(self, record: Record) -> None:
        """End a session on every worker; `StoreUnavailable` when that is not certain."""
        await self.rules.revocations.revoke(_KIND, record.id)

    @abstractmethod
    async def keep(self, record: Record) -> str:
        """Keep a new or changed session; the text of its cookie.

        Raises:
            ValueError: it is too large.
            TypeError: its data holds what JSON cannot.
            StoreUnavailable: the store does not answer.
        """

    @abstractmethod
    async def _read(self, plain: bytes) -> Record | None:
        """The session that the inside of a cookie stands for."""

    @abstractmethod
    async def _renewed(self, record: Record, *, fresh: bool) -> OpenSession:
        """The session, with a new idle clock if a minute has passed, and a new cookie if an older key sealed it."""

    async def _keep_edits(self, session: OpenSession) -> OpenSession:
        if session.record is None:
            _log.error("data in a session that nobody opened: not kept")
            return OpenSession(cookie=session.cookie, renewal=session.renewal)
        edited = replace(session.record, data=dict(session))
        try:
            return OpenSession(edited, cookie=await self.keep(edited))
        except (TypeError, ValueError, StoreUnavailable) as error:
            _log.error("the changes of a session are not kept: %s", error)
            return session

    def _stale(self, record: Record) -> bool:
        return self.rules.wall() - record.seen > _RENEWED


class SealedSessions(SessionStorage):
    """The cookie holds the whole session."""

    async def keep(self, record: Record) -> str:
        """Seal it."""
        return _fitting(self._sealed(record), LARGEST_COOKIE)

    def _sealed(self, record: Record) -> str:
        return self.rules.sealer.seal(record.encode())

    async def _read(self, plain: bytes) -> Record | None:
        return decode(plain)

    async def _renewed(self, record: Record, *, fresh: bool) -> OpenSession:
        if fresh and not self._stale(record):
            return OpenSession(record)
        record = replace(record, seen=float(int(self.rules.wall())))
        return OpenSession(record, cookie=self._sealed(record), renewal=True)


class StoredSessions(SessionStorage):
    """The cookie holds the id, a `KeyStore` the session.

    The idle clock has a key of its own, so that renewing it never puts older data in the place of newer.
    """

    def __init__(self, rules: SessionRules, keys: KeyStore) -> None:
        """Keep sessions in ``keys``."""
        super().__init__(rules)
        self._keys = keys

    async def keep(self, record: Record) -> str:
        """Store it until its lifetime is over."""
        stored, now = _fitting(record.encode(), LARGEST_STORED), self.rules.wall()
        left = record.opened + self.rules.lifetimes.absolute - now
        await self._keys.put(_key(record.id), stored, lasting=max(left, 1.0))
        await self._see(record.id, now)
        return self._sealed(record)

    async def end(self, record: Record) -> None:
        """Revoke and forget it."""
        await super().end(record)
        await self._keys.delete(_key(record.id))
        await self._keys.delete(_seen_key(record.id))

    async def _read(self, plain: bytes) -> Record | None:
        id_ = plain.decode(errors="replace")
        if len(id_) != ID_LENGTH:  # a session sealed while cookies held all of it
            return None
        stored, seen = await self._keys.get_many([_key(id_), _seen_key(id_)])
        record = decode(stored) if stored is not None else None
        try:
            return replace(record, seen=float(seen)) if record and seen is not None else None
        except ValueError:  # somebody else wrote there: it is as good as gone
            return None

    async def _renewed(self, record: Record, *, fresh: bool) -> OpenSession:
        if self._stale(record):
            await self._see(record.id, self.rules.wall())
        return OpenSession(record) if fresh else OpenSession(record, cookie=self._sealed(record), renewal=True)

    async def _see(self, id_: str, now: float) -> None:
        await self._keys.put(_seen_key(id_), str(now).encode(), lasting=self.rules.lifetimes.idle)

    def _sealed(self, record: Record) -> str:
        return self.rules.sealer.seal(record.id.encode())


def session_storage(section: SessionsSection, rules: SessionRules, keys: KeyStore) -> SessionStorage:
    """The storage that ``sessions.keep`` names."""
    return StoredSessions(rules, keys) if section.keep == "server" else SealedSessions(rules)


def _key(id_: str) -> str:
    return f"session:{id_}"


def _seen_key(id_: str) -> str:
    return f"session-seen:{id_}"


def _fitting(kept: _Kept, largest: int) -> _Kept:
    if len(kept) > largest:
        _log.error("a session of %d bytes is not kept: %d is the most", len(kept), largest)
        raise ValueError(f"the session is too large: {len(kept)} bytes of at most {largest}")
    return kept
