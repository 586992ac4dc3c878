"""F51 and R-34 to R-37: configuration and code change while consumers ask, and none of them notices."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.daemon.servers import Daemon, Load, daemon, kill, load
from tests.parts.processes import free_port, listening
from tests.parts.waiting import PATIENCE, wait_until

RATE = 200


async def _reloads(server: Daemon, url: str, times: int) -> Load:
    async with load(url, RATE) as tally:
        for _ in range(times):
            told = await asyncio.to_thread(server.reload)
            assert told["ok"], told
        await asyncio.sleep(0.5)
    return tally


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.slow)])
async def test_reloads_under_load_lose_no_request(tmp_path: Path, times: int) -> None:
    """200 requests a second, half of them on connections kept alive: every one is answered."""
    with daemon(tmp_path) as server:
        before = server.pids
        tally = await _reloads(server, f"{server.url}/made/up", times)
        assert not tally.failed
        assert tally.answers["200"] > times * 50
        assert not set(before) & set(server.pids)


def _word(server: Daemon) -> object:
    with urlopen(f"{server.url}/made/up", timeout=PATIENCE) as answer:  # noqa: S310 - our own address
        return json.load(answer)["data"]["word"]


def test_a_reload_serves_new_code_and_configuration(tmp_path: Path) -> None:
    """Both are read anew, by an interpreter that has nothing of the old one."""
    with daemon(tmp_path) as server:
        source = tmp_path / "site/pi_made/__init__.py"
        source.write_text(source.read_text().replace("word=self.word", "word=self.word.upper()"))
        server.configure(services={"made": {"word": "second"}}, server={"workers": 1})
        assert server.reload()["ok"]
        assert len(server.pids) == 1
        wait_until(lambda: _word(server) == "SECOND", "an end of the old workers, who take what comes until then")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("server: {prot: 1}\n", "config.yaml:1: server.prot: "),
        ("server: {port: 0\n", "config.yaml:"),
        ('{"server": {"port": 0}, "services": {"made": {"enabled": true, "wurd": 1}}, "server2": {}}', "server2"),
    ],
)
def test_a_bad_configuration_is_refused_and_the_old_one_serves(tmp_path: Path, text: str, told: str) -> None:
    """The error names the file and the line; workers are not touched, also when one dies afterwards."""
    with daemon(tmp_path) as server:
        before = server.pids
        (tmp_path / "config.yaml").write_text(text)
        outcome = server.reload()
        assert not outcome["ok"]
        assert told in outcome["problems"][0]
        assert server.pids == before
        assert f"reload refused, the old configuration stays: {outcome['problems'][0]}" in server.errors
        assert "Traceback" not in server.errors


def test_workers_that_die_after_a_bad_edit_are_replaced_by_good_ones(tmp_path: Path) -> None:
    """What a new worker serves with is the configuration that was last found good, not the file."""
    with daemon(tmp_path) as server:
        (tmp_path / "config.yaml").write_text("nonsense")
        gone = server.pids[0]
        kill(gone)
        wait_until(lambda: gone not in server.pids and len(server.pids) == 2, "a replacement")


@pytest.mark.slow
def test_a_reload_moves_to_another_port(tmp_path: Path) -> None:
    """An address is configuration like any other; one that is taken refuses the reload."""
    with daemon(tmp_path) as server:
        old, port = int(server.url.rpartition(":")[2]), free_port()
        server.configure(server={"port": port})
        assert server.reload()["ok"]
        assert server.url.endswith(f":{port}")
        assert listening(port)
        server.configure(server={"host": "192.0.2.1"})
        assert "cannot" in server.reload()["problems"][0].lower()
        assert listening(port)
        assert old != port


def test_hangups_that_come_together_are_two_reloads(tmp_path: Path) -> None:
    """One that comes while another goes on is not forgotten: it may be about a later change."""
    with daemon(tmp_path) as server:
        server.send(signal.SIGHUP)
        wait_until(lambda: "reload: trying" in server.errors, "a reload")
        server.send(signal.SIGHUP)
        wait_until(lambda: server.state["reload"]["number"] == 2, "a second reload")
