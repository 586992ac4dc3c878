"""An impatient operator: the second signal cuts calls off, and still closes every record."""

import json
import signal
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

from tests.cli.made_up import install
from tests.cli.processes import serving, wait_for
from tests.parts.processes import free_port, listening, running
from tests.parts.waiting import PATIENCE, wait_until

TOKEN = "a-token-for-impatient-operators"
CALLS = 8
STUBBORN = """
import asyncio
from contextlib import asynccontextmanager
from pi_server import Call, Service, get

class Made(Service):
    root = "/made"

    @asynccontextmanager
    async def lifespan(self):
        "Hold on for ever."
        yield
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass

    @get("/up", public=True)
    async def up(self, call: Call) -> None:
        "Answer nothing."
"""


def test_a_second_signal_leaves_a_pair_for_every_call(tmp_path: Path, rest_provider: str) -> None:
    """Each REQUEST_OUT_PI has its RESPONSE_IN_PI, and each call its access line."""
    port, config = free_port(), tmp_path / "config.yaml"
    section = {
        "server": {"port": port},
        "logs": {"access": {"output": "access.log"}},
        "tokens": {"billing": {"sha256": sha256(TOKEN.encode()).hexdigest(), "scopes": ["*"]}},
        "services": {
            "exchange_rates": {
                "enabled": True,
                "timeout": "30s",
                "market": {"company": "market", "endpoint": f"{rest_provider}/slow", "timeout": "30s"},
            }
        },
    }
    config.write_text(json.dumps(section))
    command = [sys.executable, "-m", "pi_server", "run", "--config", str(config)]
    api, url = tmp_path / "var/logs/api.log", f"http://127.0.0.1:{port}/api/rates/v1.0/latest/EUR"
    with running(command, tmp_path / "out", lambda: listening(port)) as server:
        ask = ["curl", "-s", "-o", str(tmp_path / "answer"), "-H", f"x-srv-token: {TOKEN}", url]
        consumers = [subprocess.Popen(ask) for _ in range(CALLS)]
        wait_until(lambda: api.exists() and api.read_text().count("REQUEST_OUT_PI") == CALLS)
        server.send_signal(signal.SIGTERM)
        wait_for("draining", tmp_path / "out")
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 1  # the calls alone would be 30
        for consumer in consumers:
            consumer.wait(PATIENCE)
    flows = Counter(json.loads(line.partition("{API_LOG} ")[2])["flow"] for line in api.read_text().splitlines())
    assert flows == {"REQUEST_OUT_PI": CALLS, "RESPONSE_IN_PI": CALLS}
    assert (tmp_path / "var/logs/access.log").read_text().count("\n") == CALLS


def test_a_second_signal_ends_a_process_whose_plugin_will_not_end(tmp_path: Path) -> None:
    """A lifespan that swallows every cancellation has a few seconds, and the status tells that it was cut off."""
    install(tmp_path / "site", "made", STUBBORN)
    (tmp_path / "config.yaml").write_text("services: {made: {enabled: true}}\n")
    with serving(cwd=tmp_path, PYTHONPATH=str(tmp_path / "site")) as server:
        try:
            server.process.send_signal(signal.SIGTERM)
            wait_for("draining", tmp_path / "stderr.txt")
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 1
        finally:
            server.process.kill()
