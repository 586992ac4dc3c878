"""The service of the chain and of the body, as a plugin has it."""

from benchmarks.credentials import USER
from benchmarks.order import SESSION, Order, Placed, Pong
from pi_server import Call, Fault, Service, get, post
from pi_server.security import Sessions


class Bench(Service):
    """Answers next to nothing, so that what stands before it is what is measured."""

    root = "/api/bench/v1.0"
    sessions: Sessions

    @post("/login", public=True)
    async def login(self, call: Call) -> Pong:
        """Open a session."""
        await self.sessions.open(call, USER, data=SESSION)
        return Pong(user=USER)

    @get("/pong")
    async def pong(self, call: Call) -> Pong:
        """Say who calls; nobody looks at the session."""
        return Pong(user=call.consumer.name)

    @get("/session")
    async def session(self, call: Call) -> Pong:
        """Say whose the session is."""
        session = await self.sessions.current(call)
        if session is None:
            raise Fault("unauthenticated", 401, "This operation needs a valid credential.")
        return Pong(user=session.user)

    @post("/orders", public=True)
    async def place(self, call: Call, order: Order) -> Placed:
        """Take an order."""
        return Placed(reference=order.reference, lines=len(order.lines))
