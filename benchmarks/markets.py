"""A service with three providers, of which one is slow, as a plugin has it."""

from pydantic import BaseModel

from pi_server import Call, RestMessage, RestProvider, Service, get


class Table(BaseModel):
    """What every market answers."""

    base: str


class Latest(RestMessage[Table], path="/latest"):
    """What every market is asked."""


class Markets(Service):
    """Hands on what three markets answer."""

    root = "/api/markets/v1.0"
    one: RestProvider
    other: RestProvider
    slow: RestProvider

    @get("/one", public=True)
    async def ask_one(self, call: Call) -> Table:
        """Ask the first."""
        return await self.one.send(call, Latest())

    @get("/other", public=True)
    async def ask_other(self, call: Call) -> Table:
        """Ask the second."""
        return await self.other.send(call, Latest())

    @get("/slow", public=True)
    async def ask_slow(self, call: Call) -> Table:
        """Ask the one that takes its time."""
        return await self.slow.send(call, Latest())
