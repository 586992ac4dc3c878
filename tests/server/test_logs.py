"""What the server's own log tells of a call, and what no log tells."""

from pi_server import Call, Service, get
from pi_server.testing import Serve


class Shaky(Service):
    """A service with a mistake in it."""

    root = "/shaky"

    @get("/break")
    async def fall(self, call: Call) -> str:
        """Fail."""
        raise RuntimeError("a plugin's mistake")


async def test_a_failure_names_the_call_and_its_consumer(serve: Serve) -> None:
    """Between brackets: the correlation id, then who called."""
    async with serve(Shaky) as server:
        headers = {**server.headers, "activityid": "call-1"}
        async with server.session.get("/shaky/break", headers=headers) as answer:
            assert answer.status == 500
        told = (server.logs / "error.log").read_text()
    assert "ERROR pi_server.recovery [call-1 test] GET /shaky/break failed\n" in told


async def test_a_session_in_the_query_is_masked(serve: Serve) -> None:
    """The names of the cookies that are credentials are secret names, wherever they are sent."""
    async with serve(Shaky, config={"sessions": {"cookie": "falcon-ng"}}) as server:
        async with server.session.get("/shaky?falcon-ng=sealed&falcon-ng-csrf=proof&page=1"):
            pass
        (line,) = await server.access_log()
    assert "/shaky?falcon-ng=***&falcon-ng-csrf=***&page=1" in line
