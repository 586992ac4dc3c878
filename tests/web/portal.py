"""A service people sign in to; the chain an operation names says what guards it."""

from typing import Any

from aiohttp import web

from pi_server import Call, Fault, Service, delete, get, patch, post, put
from pi_server.domain.security import Sessions
from pi_server.web.endpoint import Handler

FORM = "application/x-www-form-urlencoded"


def begun(handler: Handler) -> Handler:
    """A link that begins the answer before the operation runs."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await handler(request)
        await response.write_eof()
        return response

    return handle


class Portal(Service):
    """Signs people in and out; the name of a chain says what guards an operation."""

    root = "/portal"
    sessions: Sessions

    @post("/sign-in", public=True)
    async def sign_in(self, call: Call, user: str, note: str = "", fails: bool = False) -> str:
        """Open a session; and fail afterwards, if asked to."""
        opened = await self.sessions.open(call, user, data={"note": note}, scopes=["read"])
        if fails:
            raise Fault("later", 409, "It failed later.")
        return opened.id

    @post("/safe-sign-in", chain="origin", public=True)
    async def safe_sign_in(self, call: Call, user: str) -> str:
        """Open a session behind CSRF."""
        return (await self.sessions.open(call, user)).id

    @get("/me", chain="session", scope="read")
    async def me(self, call: Call) -> dict[str, Any]:
        """Tell who is signed in."""
        session = await self.sessions.current(call)
        assert session is not None
        consumer = {"consumer": call.consumer.name, "kind": call.consumer.kind, "realm": call.consumer.realm}
        return {"user": session.user, "data": dict(session.data), "id": session.id, **consumer}

    @get("/anybody", public=True)
    async def anybody(self, call: Call) -> str:
        """Tell who is signed in, if anybody is."""
        session = await self.sessions.current(call)
        return session.user if session else "nobody"

    @get("/untouched", public=True)
    async def untouched(self, call: Call) -> str:
        """Do not ask for the session."""
        return "here"

    @post("/note", public=True)
    async def note(self, call: Call, note: str) -> str:
        """Change the session."""
        return (await self.sessions.change(call, {"note": note})).id

    @post("/late-note", public=True, middlewares=(begun,))
    async def late_note(self, call: Call, note: str) -> str:
        """Change the session when the answer has begun."""
        return (await self.sessions.change(call, {"note": note})).id

    @post("/sign-out", public=True)
    async def sign_out(self, call: Call, fails: bool = False) -> None:
        """Close the session; and fail afterwards, if asked to."""
        await self.sessions.close(call)
        if fails:
            raise RuntimeError("broken")

    @post("/sign-out-everywhere", public=True)
    async def sign_out_everywhere(self, call: Call, user: str) -> str:
        """Close all sessions, and tell who is still signed in."""
        await self.sessions.close_all(user)
        session = await self.sessions.current(call)
        return session.user if session else "nobody"

    @post("/sign-out-of", public=True)
    async def sign_out_of(self, call: Call, session: str) -> None:
        """Close a session that is known by its id."""
        await self.sessions.end(session)

    @get("/bearer", chain="jwt")
    async def bearer(self, call: Call) -> str:
        """Tell whose JWT it is."""
        return call.consumer.name

    @get("/any", chain="any")
    async def any_kind(self, call: Call) -> str:
        """Tell what kind of credential was shown."""
        return call.consumer.kind

    @get("/thing", chain="guarded")
    async def read(self, call: Call) -> str:
        """Change nothing."""
        return call.consumer.name

    @post("/thing", chain="guarded", consumes=("application/json", FORM))
    async def add(self, call: Call, name: str = "") -> str:
        """Change something."""
        return call.consumer.name

    @put("/thing", chain="guarded", consumes=("application/json", FORM))
    async def write(self, call: Call, name: str = "") -> str:
        """Change something."""
        return call.consumer.name

    @patch("/thing", chain="guarded", consumes=("application/json", FORM))
    async def amend(self, call: Call, name: str = "") -> str:
        """Change something."""
        return call.consumer.name

    @delete("/thing", chain="guarded")
    async def drop(self, call: Call) -> str:
        """Change something."""
        return call.consumer.name
