"""A disk that is full: nothing leaves without its record, and the rest goes on."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import BaseModel

from pi_server import Call, RestMessage, RestProvider, Service, get
from pi_server.testing import Serve, api_records, assert_pairs
from tests.cli.made_up import install
from tests.cli.processes import COMMAND, environment, wait_for
from tests.parts.waiting import wait_until

ASKING = """
from pydantic import BaseModel
from pi_server import Call, RestMessage, RestProvider, Service, get

class Answer(BaseModel):
    right: bool

class Ask(RestMessage[Answer], path="/{padding}"):
    padding: str

class Made(Service):
    root = "/made"
    market: RestProvider

    @get("/ask/{padding}", public=True)
    async def ask(self, call: Call, padding: str) -> Answer:
        "Ask the market."
        return await self.market.send(call, Ask(padding=padding))

    @get("/alone", public=True)
    async def alone(self, call: Call) -> Answer:
        "Ask nobody."
        return Answer(right=True)
"""
ROOM = "512k"


class Right(BaseModel):
    """What the market answers."""

    right: bool


class Ask(RestMessage[Right], path="/x"):
    """What the market is asked."""


class Made(Service):
    """Asks the market, or nobody."""

    root = "/made"
    market: RestProvider

    @get("/ask", public=True)
    async def ask(self, call: Call) -> Right:
        """Ask the market."""
        return await self.market.send(call, Ask())

    @get("/alone", public=True)
    async def alone(self, call: Call) -> Right:
        """Ask nobody."""
        return Right(right=True)


@dataclass
class Market:
    """Counts what reaches it, by correlation id."""

    asked: Counter[str] = field(default_factory=Counter[str])
    url: str = ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Say that it is right, after a moment."""
        self.asked[request.headers["activityid"]] += 1
        await asyncio.sleep(0.002)
        return web.json_response({"right": True})


@asynccontextmanager
async def open_market() -> AsyncGenerator[Market]:
    """A market on a free port."""
    market = Market()
    runner = web.ServerRunner(web.Server(market.answer))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        market.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield market
    finally:
        await runner.cleanup()


async def _status(http: aiohttp.ClientSession, url: str, **headers: str) -> tuple[int, str]:
    async with http.get(url, headers=headers) as answer:
        return answer.status, (await answer.json())["error"]["code"] if answer.status != 200 else ""


async def test_nothing_leaves_without_its_record(
    serve: Serve, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No call reaches the provider, on a new connection or a kept one, the first calls included; all else goes on."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "api.log").symlink_to("/dev/full")
    async with open_market() as market:
        config = {"logs": {"dir": str(logs)}, "services": {"made": {"market": _at(market)}}}
        async with serve(Made, config=config, directory=tmp_path) as server:
            ask = [_status(server.session, "/made/ask", activityid=f"full-{number}") for number in range(40)]
            told = set(await asyncio.gather(*ask)) | {await _status(server.session, "/made/ask")}
            assert told == {(503, "unrecorded")}
            assert not market.asked
            assert await _status(server.session, "/made/alone") == (200, "")
            async with server.session.get("/ping") as answer:
                assert await answer.text() == "pong"
            assert capfd.readouterr().err.count("api.log: cannot be written: No space left on device") == 1
            (logs / "api.log").unlink()
            await asyncio.sleep(0.2)
            assert await _status(server.session, "/made/ask", activityid="space") == (200, "")
            assert market.asked == {"space": 1}
            records = api_records(logs / "api.log")
    assert [record.correlation_id for record in records] == ["space", "space"]


def _at(market: Market) -> dict[str, Any]:
    return {"endpoint": market.url, "company": "market"}


@dataclass
class Small:
    """A server whose logs are on a small disk of its own; ``logs`` is that disk as seen from here."""

    address: str
    logs: Path
    process: subprocess.Popen[bytes]
    stderr: Path


@contextmanager
def serving_on_a_small_disk(folder: Path, config: dict[str, Any]) -> Generator[Small]:
    """Serve with ``var/logs`` on a tmpfs of the server's own; needs the right to make user namespaces."""
    logs = folder / "var/logs"
    logs.mkdir(parents=True)
    install(folder / "site", "made", ASKING)
    (folder / "config.yaml").write_text(json.dumps(config))
    script = f'mount -t tmpfs -o size={ROOM} tmpfs "{logs}" && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", script, "sh", *COMMAND, "run", "--port", "0"]
    told, errors = folder / "stdout.txt", folder / "stderr.txt"
    with told.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(PYTHONPATH=str(folder / "site")), stdout=out, stderr=err
        )
    try:
        said = wait_for(" serves ", told, process)
        yield Small(said.splitlines()[0].split()[-1], Path(f"/proc/{process.pid}/root{logs}"), process, errors)
    finally:
        process.kill()
        process.wait(30)


async def _ask(server: Small, prefix: str, calls: int) -> Counter[tuple[int, str]]:
    """So many calls, fifty at a time."""
    left = list(range(calls))
    told: Counter[tuple[int, str]] = Counter()

    async def some(http: aiohttp.ClientSession) -> None:
        while left:
            url = f"{server.address}/made/ask/{'x' * 300}"
            told[await _status(http, url, activityid=f"{prefix}-{left.pop()}")] += 1

    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(some(http) for _ in range(50)))
    return told


@pytest.mark.slow
async def test_a_disk_that_fills_up_under_load(tmp_path: Path) -> None:
    """What reached the provider is on record, each with one closing record; and it goes on when there is space."""
    async with open_market() as market:
        config = {
            "logs": {"access": {"output": "access.log"}},
            "services": {"made": {"enabled": True, "market": _at(market)}},
        }
        start = time.monotonic()
        with serving_on_a_small_disk(tmp_path, config) as server:
            spare = server.logs / "spare"
            spare.write_bytes(b"x" * 200_000)
            full = await _ask(server, "full", 1500)
            assert set(full) == {(200, ""), (503, "unrecorded")}
            assert full[200, ""] == len(market.asked)
            spare.unlink()
            begun, told = time.monotonic(), (503, "")
            async with aiohttp.ClientSession() as http:
                while told != (200, "") and time.monotonic() < begun + 10:
                    told = await _status(http, f"{server.address}/made/ask/x", activityid="space")
            assert told == (200, "")
            api = server.logs / "api.log"
            wait_until(lambda: _closed(api) == market.asked.total(), "what was kept")
            _check(_whole(api), market)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(30) == 0
    text = server.stderr.read_text()
    assert "Traceback" not in text
    assert text.count("pi-server: ") <= 4 * (2 + (time.monotonic() - start) / 10)  # each file each ten seconds


def _whole(path: Path) -> list[str]:
    """The lines that a full disk did not cut, be it behind a brace."""

    def is_whole(line: str) -> bool:
        try:
            json.loads(line.partition("{API_LOG} ")[2])
        except ValueError:
            return False
        return True

    return [line for line in path.read_text().splitlines() if is_whole(line)]


def _closed(path: Path) -> int:
    return sum('"RESPONSE_IN_PI"' in line for line in _whole(path))


def _check(lines: list[str], market: Market) -> None:
    records = api_records(lines)
    assert_pairs(records)
    asked = Counter(record.correlation_id for record in records if record.flow == "REQUEST_OUT_PI")
    assert asked == market.asked


async def test_a_folder_of_logs_that_vanishes(serve: Serve, tmp_path: Path) -> None:
    """It is made anew with all files in it, within a second and without a lost call."""
    async with open_market() as market:
        config = {"services": {"made": {"market": _at(market)}}}
        async with serve(Made, config=config, directory=tmp_path) as server:
            assert await _status(server.session, "/made/ask", activityid="before") == (200, "")
            await server.access_log()
            shutil.rmtree(server.logs)
            await asyncio.sleep(0.2)
            assert await _status(server.session, "/made/ask", activityid="after") == (200, "")
            assert "after" in (await server.access_log())[-1]
            assert [record.correlation_id for record in api_records(server.logs / "api.log")] == ["after", "after"]
            assert len(list((server.logs / "open").iterdir())) == 1


@pytest.mark.parametrize("workers", [(), ("--workers", "2")], ids=["alone", "supervised"])
def test_neither_shared_memory_nor_temporary_files_are_needed(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """With ``/dev/shm`` and the folder for temporary files full from the start it serves and answers."""
    install(tmp_path / "site", "made", ASKING)
    config = {"services": {"made": {"enabled": True, "market": {"endpoint": "http://127.0.0.1:9", "company": "no"}}}}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    full = tmp_path / "full"
    full.mkdir()
    script = (
        f'for it in /dev/shm "{full}"; do mount -t tmpfs -o size=4k tmpfs "$it"; '
        'dd if=/dev/zero of="$it/all" bs=4k 2>/dev/null; done; exec "$@"'
    )
    variables = environment(PYTHONPATH=str(tmp_path / "site"), TMPDIR=str(full))
    command = ["unshare", "-rm", "sh", "-c", script, "sh", *COMMAND, "run", "--port", "0", *workers]
    told, errors = tmp_path / "stdout.txt", tmp_path / "stderr.txt"
    with told.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=out, stderr=err)
    try:
        address = wait_for(" serves ", told, process).splitlines()[0].split()[-1]
        assert asyncio.run(_alone(address)) == (200, "")
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert "Traceback" not in errors.read_text()


async def _alone(address: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http:
        return await _status(http, f"{address}/made/alone")
