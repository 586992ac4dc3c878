"""The smallest possible service: one operation that shows a value of the configuration."""

from pydantic import BaseModel

from pi_server import Call, Service, get


class Health(BaseModel):
    """What the consumer gets."""

    my_simple_conf: str


class SampleService(Service):
    """Shows that the server serves and that its configuration arrives."""

    root = "/api/sample/v1.0"
    my_simple_conf: str = "ok"

    @get("/health", public=True)
    async def health(self, call: Call) -> Health:
        """Answer the configured value."""
        return Health(my_simple_conf=self.my_simple_conf)
