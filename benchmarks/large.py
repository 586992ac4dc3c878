"""A service whose answers are dear: large, others for each consumer, so that none shares memory; or slow to make."""

from hashlib import pbkdf2_hmac
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

    @get("/work/{rounds}", public=True)
    async def work(self, call: Call, rounds: int) -> str:
        """Keep the processor busy."""
        return pbkdf2_hmac("sha256", b"", b"", rounds).hex()
