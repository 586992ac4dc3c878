"""The middleware in front of a service, served for real."""

from ipaddress import ip_network

import pytest
from pydantic import BaseModel

from pi_network_list.middleware import network_list
from pi_server import Call, Service, get
from pi_server.testing import Serve


class Greeting(BaseModel):
    """What the operation answers."""

    text: str


class Door(Service):
    """A service behind the middleware."""

    root = "/door"

    @get("/in", public=True, middlewares=(network_list(allow=(ip_network("127.0.0.0/8"),)),))
    async def near(self, call: Call) -> Greeting:
        """Open to this machine."""
        return Greeting(text=call.source)

    @get("/out", public=True, middlewares=(network_list(allow=(ip_network("10.0.0.0/8"), ip_network("fd00::/8"))),))
    async def far(self, call: Call) -> Greeting:
        """Open to others."""
        return Greeting(text=call.source)


async def test_a_listed_network_gets_in(serve: Serve) -> None:
    """An address in one of the networks reaches the operation."""
    async with serve(Door) as server, server.session.get("/door/in") as answer:
        assert answer.status == 200
        assert (await answer.json())["data"] == {"text": "127.0.0.1"}


async def test_another_network_is_refused_and_told_to_the_operator(serve: Serve) -> None:
    """Everybody else gets 403, and the access log says from where."""
    async with serve(Door) as server:
        async with server.session.get("/door/out") as answer:
            assert answer.status == 403
            assert (await answer.json())["error"]["code"] == "foreign_network"
        (line,) = await server.access_log()
        assert "from 127.0.0.1" in line


def test_a_network_must_be_one() -> None:
    """A setting that is no network is refused where it is made."""
    with pytest.raises(ValueError, match="does not appear to be"):
        network_list(allow=(ip_network("everywhere"),))
