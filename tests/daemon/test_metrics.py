"""Figures of a server of several workers, told by whichever is asked."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pi_server.server.metrics.families import FAMILIES
from tests.daemon.servers import daemon, kill
from tests.parts.processes import free_port
from tests.parts.waiting import until

RULES = Path(__file__).parents[2] / "deploy/prometheus/pi-server.rules.yaml"
LABELS = [label for family in FAMILIES for label in family.labels]


class Scraper:
    """Asks a server and its figures, each time on a new connection, so that any worker may get it."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._address = f"http://127.0.0.1:{port}/metrics"

    async def ask(self, url: str, times: int = 1) -> None:
        """Ask some operation."""
        for _ in range(times):
            async with self._session.get(url) as response:
                await response.read()

    async def figures(self) -> dict[tuple[str, ...], float]:
        """Every value, by its name and labels."""
        async with self._session.get(self._address) as response:
            assert response.status == 200
            text = await response.text()
        families = text_string_to_metric_families(text)
        return {(one.name, *_labels(one.labels)): one.value for family in families for one in family.samples}

    async def until(self, *key: str, value: float) -> None:
        """Wait for a value, which must never be more."""

        async def is_told() -> bool:
            told = (await self.figures()).get(key, 0)
            assert told <= value
            return told == value

        await until(is_told, key)


def _labels(told: dict[str, str]) -> list[str]:
    """Their values, in the order in which families name them."""
    return [told[label] for label in sorted(told.keys() - {"le"}, key=LABELS.index)]


@asynccontextmanager
async def scraper(port: int) -> AsyncGenerator[Scraper]:
    """On connections that are not kept."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield Scraper(session, port)


UP = ("made", "/made/up", "GET", "200", "nobody")


async def test_any_worker_answers_for_all(tmp_path: Path) -> None:
    """However the requests fell, and whoever is asked, the sums are the same."""
    port = free_port()
    with daemon(tmp_path, metrics={"port": port}) as server:
        async with scraper(port) as scrape:
            await scrape.ask(f"{server.url}/made/up", 20)
            await scrape.ask(f"{server.url}/made/up?wait=never", 3)
            await scrape.ask(f"{server.url}/nowhere/{'x' * 20}", 2)
            for _ in range(5):
                told = await scrape.figures()
                assert told["pi_server_requests_total", *UP] == 20
                assert told["pi_server_requests_total", "made", "/made/up", "GET", "422", "consumer"] == 3
                assert told["pi_server_faults_total", "made", "/made/up", "GET", "invalid_input"] == 3
                assert told["pi_server_requests_total", "", "", "", "404", "consumer"] == 2
                assert told["pi_server_request_seconds_count", "made", "/made/up", "GET"] == 23
                assert told["pi_server_requests_running", "made", "/made/up", "GET"] == 0
                assert told["pi_server_workers",] == 2
                assert told["pi_server_memory_bytes",] > told["pi_server_memory_most_bytes",]


async def test_no_counter_falls_when_workers_are_replaced(tmp_path: Path) -> None:
    """Not at a reload, and not when one is killed some seconds after it counted."""
    port = free_port()
    with daemon(tmp_path, metrics={"port": port}) as server:
        async with scraper(port) as scrape:
            await scrape.ask(f"{server.url}/made/up", 10)
            assert (await asyncio.to_thread(server.reload))["ok"]
            await scrape.ask(f"{server.url}/made/up", 10)
            await scrape.until("pi_server_requests_total", *UP, value=20)
            before = server.pids
            await until(partial(_kept, tmp_path, before, time.time()), "what was counted on file")
            kill(before[0])
            await until(lambda: len(set(server.pids) | set(before)) == 3, "a replacement")
            await scrape.until("pi_server_requests_total", *UP, value=20)
        assert len(list((tmp_path / "var/metrics").glob("*.json"))) <= 4
        server.stop()
    with daemon(tmp_path, metrics={"port": port}) as server:
        async with scraper(port) as scrape:
            assert ("pi_server_requests_total", *UP) not in await scrape.figures()


def _kept(folder: Path, pids: list[int], since: float) -> bool:
    files = [list((folder / "var/metrics").glob(f"{pid}-*.json")) for pid in pids]
    return all(any(path.stat().st_mtime > since for path in own) for own in files)


async def test_a_taken_address_does_not_keep_the_server_from_serving(tmp_path: Path) -> None:
    """The error log tells it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with daemon(tmp_path, metrics={"port": port}) as server:
            async with scraper(port) as scrape:
                await scrape.ask(f"{server.url}/made/up")
            assert f"figures cannot be told on 127.0.0.1:{port}" in server.errors


def test_every_alert_is_about_a_figure_that_is_told() -> None:
    """The sample rules name no metric that does not exist."""
    groups: Any = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    known = {f"pi_server_{f.name}{'_total' if f.kind == 'counter' else ''}" for f in FAMILIES}
    used = {word for rule in rules for word in _words(rule["expr"]) if word.startswith("pi_server_")}
    assert used <= known, used - known
    assert len({rule["alert"] for rule in rules}) == len(rules)


def _words(expression: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in expression).split()
