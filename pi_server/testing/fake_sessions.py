"""Sessions without cookies."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from pi_server.domain.call import Call
from pi_server.domain.consumer import Consumer
from pi_server.domain.faults import Unauthenticated
from pi_server.domain.security import Session
from pi_server.web.sessions.record import Record, decode, new_id

_LIFETIME = timedelta(hours=12)
_REALM = "test"


class FakeSessions:
    """Stands in a test where a service has `Sessions`.

    What a cookie is to a browser, a call is here: a session opened in a call is that call's, and `call` gives a new
    call that comes with a session.  Sessions end after 12 h by ``clock``, which gives POSIX seconds
    (`FakeClock.wall`).  As nothing but sessions is here, `close_all` leaves the tokens of a `FakeIssuer` as they are.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin with nobody signed in."""
        self._clock = clock
        self._kept: dict[str, Session] = {}
        self._shown: dict[str, str] = {}  # the ids of sessions, by the correlation ids of the calls they came with

    @property
    def living(self) -> list[Session]:
        """The sessions that have not ended, in the order they were opened."""
        return [session for session in self._kept.values() if self._lives(session)]

    def call(self, session: Session | None = None) -> Call:
        """A new call that comes with ``session``, or with the one opened last, as the chain would hand it on.

        Raises:
            Unauthenticated: the session has ended, or nobody is signed in.
        """
        living = [one for one in self.living if session is None or one.id == session.id]
        if not living:
            raise Unauthenticated(reason="no such session")
        found = living[-1]
        call = Call(consumer=Consumer(found.user, found.scopes, "session", realm=_REALM, sign_in=found.id))
        self._shown[call.correlation_id] = found.id
        return call

    async def current(self, call: Call) -> Session | None:
        """The session the call came with, or was given."""
        session = self._kept.get(self._shown.get(call.correlation_id, ""))
        return session if session and self._lives(session) else None

    async def open(
        self, call: Call, user: str, *, data: Mapping[str, Any] | None = None, scopes: Sequence[str] = ()
    ) -> Session:
        """Sign in; what the server refuses (no name, data that is no JSON or too much of it) is refused here too."""
        if not user:
            raise ValueError("a session is somebody's: user is empty")
        opened = datetime.fromtimestamp(self._clock(), UTC)
        kept = _checked(user, scopes, data or {})
        await self.close(call)
        session = Session(new_id(), user, opened, opened + _LIFETIME, kept, frozenset(scopes))
        self._shown[call.correlation_id] = session.id
        return self._keep(session)

    async def change(self, call: Call, data: Mapping[str, Any]) -> Session:
        """Put ``data`` in the place of all there was; `Unauthenticated` without a session."""
        session = await self.current(call)
        if session is None:
            raise Unauthenticated(reason="no session to change")
        return self._keep(replace(session, data=_checked(session.user, tuple(session.scopes), data)))

    async def close(self, call: Call) -> None:
        """Sign out."""
        self._kept.pop(self._shown.pop(call.correlation_id, ""), None)

    async def end(self, session: str) -> None:
        """End the session of that id."""
        self._kept.pop(session, None)

    async def close_all(self, user: str) -> None:
        """End every session of ``user``."""
        self._kept = {id_: session for id_, session in self._kept.items() if session.user != user}

    def _keep(self, session: Session) -> Session:
        self._kept[session.id] = session
        return session

    def _lives(self, session: Session) -> bool:
        return self._clock() <= session.expires.timestamp()


def _checked(user: str, scopes: Sequence[str], data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data as a cookie would give it back: sealed for real, so that the limit is the real one."""
    from secrets import token_bytes  # a test without sessions need not pay for cryptography and aiohttp

    from pi_server.auth.keyring import KeyRing
    from pi_server.web.sessions.storage import LARGEST_COOKIE

    now = time.time()
    plain = Record(new_id(), user, _REALM, frozenset(scopes), now, now, dict(data)).encode()
    size = len(KeyRing([token_bytes(48)]).sealer("session").seal(plain))
    if size > LARGEST_COOKIE:
        raise ValueError(f"the session is too large: {size} bytes of at most {LARGEST_COOKIE}")
    record = decode(plain)
    return MappingProxyType(dict(record.data) if record else {})
