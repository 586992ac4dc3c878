"""What those who watch over a worker ask it."""

import asyncio
import os

from pi_server import Service
from pi_server.testing import Serve, Served
from pi_server.version import VERSION
from tests.parts.processes import free_port
from tests.web.documented import Shop


class Broken(Service):
    """Cannot start: nobody gives it its word."""

    root = "/broken"
    word: str


async def _ready(server: Served) -> tuple[int, dict[str, object]]:
    async with server.session.get("/readyz") as response:
        return response.status, await response.json()


async def test_a_worker_that_serves_is_alive_and_ready(serve: Serve) -> None:
    """Behind no chain: no correlation id, and no line in the access log."""
    async with serve(Shop) as server:
        async with server.session.get("/livez") as response:
            assert (response.status, await response.text()) == (200, "alive")
            assert "activityid" not in response.headers
            assert response.headers["Cache-Control"] == "no-store"
        assert await _ready(server) == (200, {"ready": True, "reasons": {}, "failedPlugins": []})
        async with server.session.get("/version") as response:
            assert await response.json() == {"version": VERSION}
        async with server.session.get("/api/shop/v1.2/desk/open") as response:
            assert response.status == 200
        assert len(await server.access_log()) == 1


async def test_process_and_address_are_for_holders_of_a_token(serve: Serve) -> None:
    """Nobody else learns what runs here (S-72)."""
    async with serve(Shop) as server:
        for path, told in (("/pid", str(os.getpid())), ("/addr", "127.0.0.1")):
            async with server.session.get(path) as response:
                assert response.status == 401
                assert told not in await response.text()
            async with server.session.get(path, headers=server.headers) as response:
                assert (response.status, await response.text()) == (200, told)


async def test_a_worker_whose_store_is_away_is_not_ready(serve: Serve) -> None:
    """It says which store, and nothing of where that is; it is alive, and serves what needs no store."""
    stores = {"keys": f"redis://127.0.0.1:{free_port()}"}
    async with serve(Shop, config={"stores": stores}) as server, asyncio.timeout(30):
        while (told := await _ready(server))[0] == 200:
            await asyncio.sleep(0.02)
        reasons = {"stores.keys": "the store does not answer"}
        assert told == (503, {"ready": False, "reasons": reasons, "failedPlugins": []})
        for path in ("/livez", "/api/shop/v1.2/desk/open"):
            async with server.session.get(path) as response:
                assert response.status == 200


async def test_a_failed_plugin_is_named_and_the_others_are_served(serve: Serve) -> None:
    """It is no reason to send requests elsewhere."""
    async with serve(Shop, Broken, config={"server": {"strict": False}}) as server:
        assert await _ready(server) == (200, {"ready": True, "reasons": {}, "failedPlugins": ["broken"]})
