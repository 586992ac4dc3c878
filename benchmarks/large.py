"""A service whose answer is large, and another for each consumer, so that none can share its memory."""

from os import urandom

from pi_server import Call, Service, get

MIB = 1024 * 1024


class Large(Service):
    """Hands out what a report has."""

    root = "/api/large/v1.0"

    @get("/large/{mebibytes}", public=True)
    async def large(self, call: Call, mebibytes: int) -> str:
        """So much."""
        return urandom(mebibytes * MIB // 2).hex()
