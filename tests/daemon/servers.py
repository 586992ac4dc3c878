"""A master with its workers, as a process of its own, and consumers that ask it all the time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp

from tests.cli.made_up import install
from tests.cli.processes import COMMAND, environment
from tests.parts.waiting import PATIENCE, wait_until

WORKER = """
import asyncio
import os
import time
from pydantic import BaseModel
from pi_server import Call, Service, get

class Answer(BaseModel):
    pid: int
    word: str

class Made(Service):
    root = "/made"
    word: str = "first"

    @get("/up", public=True)
    async def up(self, call: Call, wait: float = 0.0) -> Answer:
        "Answer after a while."
        await asyncio.sleep(wait)
        return Answer(pid=os.getpid(), word=self.word)

    @get("/held", public=True)
    async def held(self, call: Call) -> None:
        "Leave a mark, and answer once the file free is there."
        with open("held", "a") as marks:
            marks.write(".")
        while not os.path.exists("free"):
            await asyncio.sleep(0.02)

    @get("/stuck", public=True)
    async def stuck(self, call: Call, wait: float) -> None:
        "Hold up the loop."
        time.sleep(wait)

    @get("/deaf", public=True)
    async def deaf(self, call: Call) -> None:
        "Never end, whatever is said."
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass

    @get("/greedy", public=True)
    async def greedy(self, call: Call, size: int) -> None:
        "Keep memory."
        kept.append(bytearray(os.urandom(1 << 10) * (size >> 10)))

kept: list[bytearray] = []
"""


class Daemon:
    """A running master, and what it says of itself."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process
        self.config: dict[str, Any] = json.loads((folder / "config.yaml").read_text())

    @property
    def state(self) -> dict[str, Any]:
        """What the master last told; empty before and after."""
        try:
            told: dict[str, Any] = json.loads((self.folder / "var/master.json").read_text())
        except FileNotFoundError:
            return {}
        return told

    @property
    def url(self) -> str:
        """Where it serves."""
        return str(self.state["address"])

    @property
    def pids(self) -> list[int]:
        """The workers that serve."""
        return [one["pid"] for one in self.state.get("workers", ()) if one["status"] == "serving"]

    @property
    def errors(self) -> str:
        """The error log."""
        return (self.folder / "var/logs/error.log").read_text()

    @property
    def held(self) -> int:
        """How many calls have begun that are held until the file ``free`` is there."""
        marks = self.folder / "held"
        return marks.stat().st_size if marks.exists() else 0

    def send(self, number: signal.Signals) -> None:
        """Signal the master."""
        self.process.send_signal(number)

    def configure(self, **sections: Any) -> None:
        """Write another configuration."""
        self.config = _merged(self.config, sections)
        (self.folder / "config.yaml").write_text(json.dumps(self.config))

    def reload(self) -> dict[str, Any]:
        """Ask for a reload, and what came of it once that is known."""
        number = self.state["reload"]["number"]
        self.send(signal.SIGHUP)
        wait_until(lambda: self.state["reload"]["number"] > number, "the end of a reload")
        told: dict[str, Any] = self.state["reload"]
        return told

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and its status."""
        self.send(number)
        return self.process.wait(PATIENCE)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    joined = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and key in joined
        joined[key] = _merged(joined[key], cast("Mapping[str, Any]", value)) if both else value
    return joined


@contextmanager
def daemon(folder: Path, *arguments: str, code: str = WORKER, wait: bool = True, **sections: Any) -> Generator[Daemon]:
    """A master of two workers with one plugin, once all serve; killed at the end if it still runs."""
    if not (folder / "site").exists():
        install(folder / "site", "made", code)
    given = {
        "server": {"port": 0, "workers": 2, "linger": "1s", "drain": "20s"},
        "logs": {"access": {"output": "access.log"}},
        "services": {"made": {"enabled": True}},
    }
    (folder / "config.yaml").write_text(json.dumps(_merged(given, sections)))
    with (folder / "out.txt").open("ab") as output:
        process = subprocess.Popen(
            [*COMMAND, "run", *arguments],
            cwd=folder,
            env=environment(PYTHONPATH=str(folder / "site")),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    started = Daemon(folder, process)
    try:
        if wait:
            wait_until(lambda: started.state.get("ready") or process.poll() is not None, "a start")
            assert process.poll() is None, (folder / "out.txt").read_text()
        yield started
    finally:
        workers = [one["pid"] for one in started.state.get("workers", ())]
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE)
        wait_until(lambda: not any(_lives(pid) for pid in workers), "the end of the workers")


def _lives(pid: int) -> bool:
    """Whether a worker, which is no child of ours, still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Load:
    """Requests at a steady pace, and what became of each."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()

    @property
    def failed(self) -> dict[str, int]:
        """Everything but a success."""
        return {told: count for told, count in self.answers.items() if told != "200"}

    async def ask(self, session: aiohttp.ClientSession, url: str, **headers: str) -> None:
        """Note the status of one request, or what it failed with."""
        try:
            async with session.get(url, headers=headers) as answer:
                await answer.read()
                self.answers["200" if answer.ok else str(answer.status)] += 1
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.answers[repr(error)] += 1


@asynccontextmanager
async def load(url: str, rate: int) -> AsyncGenerator[Load]:
    """``rate`` requests a second until the block ends: half on connections kept alive, half on new ones each."""
    done, tally = asyncio.Event(), Load()

    async def consumer(session: aiohttp.ClientSession, pace: float) -> None:
        while not done.is_set():
            begun = time.monotonic()
            await tally.ask(session, url)
            await asyncio.sleep(max(0.0, pace - (time.monotonic() - begun)))

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as kept,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as fresh,
    ):
        each = 5
        tasks = [
            asyncio.create_task(consumer(session, 2 * each / rate)) for session in (kept, fresh) for _ in range(each)
        ]
        try:
            yield tally
        finally:
            done.set()
            await asyncio.gather(*tasks)


def kill(pid: int) -> None:
    """End a process as the system does when it is out of memory."""
    os.kill(pid, signal.SIGKILL)
