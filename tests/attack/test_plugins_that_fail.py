"""A plugin that cannot be imported or begun takes down only itself."""

import json
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.cli.made_up import HEALTHY, install
from tests.cli.processes import Serving, serving

RAISES_AT_IMPORT = "raise RuntimeError('not today')\n"
BEGINS = """
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pi_server import Call, Service, get

class Made(Service):
    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        "Never get as far as serving."
        {does}
        yield

    @get("/up", public=True)
    async def up(self, call: Call) -> None:
        "Be never served."
"""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (RAISES_AT_IMPORT, "import: pi_bad:Made: RuntimeError: not today"),
        (BEGINS.format(does="raise RuntimeError('not today')"), "serve: services.bad: RuntimeError: not today"),
        (BEGINS.format(does="await asyncio.sleep(3600)"), "serve: services.bad: did not start within its limit"),
    ],
    ids=["F57-import", "F58-raises", "F58-hangs"],
)
def test_the_others_serve(tmp_path: Path, code: str, told: str) -> None:
    """Its own root answers 503, the other service 200, and one line in the error log has phase, place and reason."""
    install(tmp_path / "site", "bad", code)
    install(tmp_path / "site", "made", HEALTHY)
    services = {"bad": {"enabled": True, "root": "/bad"}, "made": {"enabled": True}}
    (tmp_path / "config.yaml").write_text(json.dumps({"logs": {"dir": "logs"}, "services": services}))
    with serving(cwd=tmp_path, PYTHONPATH=str(tmp_path / "site")) as server:
        assert [_status(server, path) for path in ("/bad/up", "/made/up")] == [503, 200]
        log = (tmp_path / "logs/error.log").read_text()
    assert log.count(told) == 1


def _status(server: Serving, path: str) -> int:
    connection = HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()
