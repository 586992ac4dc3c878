"""Services switched on, off and over while all workers serve, and without the others noticing."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest

from pi_server.server.control.channel import workers
from tests.cli.made_up import install
from tests.cli.processes import Serving, pi, serving, wait_for
from tests.parts.waiting import wait_until

WORDY = """
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from pydantic import BaseModel
from pi_server import Call, Service, get

class Answer(BaseModel):
    text: str

class Made(Service):
    root = "/{name}"
    word: str = "first"

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        "Tell of its end."
        if self.word == "broken":
            raise ValueError("no such word")
        yield
        with Path("ended.txt").open("a") as file:
            file.write(self.word + "\\n")

    @get("/word", public=True)
    async def told(self, call: Call, patience: float = 0.0) -> Answer:
        "The word, after a while."
        if patience:
            Path("asked.txt").write_text("asked")
        await asyncio.sleep(patience)
        return Answer(text=self.word)

    @get("/blocks", public=True)
    async def blocks(self, call: Call) -> None:
        "Hold up everybody for a moment."
        time.sleep(0.5)
"""


def _configure(folder: Path, **more: Any) -> None:
    made = {"enabled": True, **more.pop("made", {})}
    config = {"logs": {"dir": "logs"}, "services": {"made": made, "other": {"enabled": True}}, **more}
    (folder / "config.yaml").write_text(json.dumps(config))


@contextmanager
def _serving(tmp_path: Path, *arguments: str, **more: Any) -> Generator[Serving]:
    for name in ("made", "other"):
        install(tmp_path / "site", name, WORDY.replace("{name}", name))
    _configure(tmp_path, **more)
    with serving(*arguments, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site")) as started:
        yield started


@pytest.fixture
def server(tmp_path: Path) -> Generator[Serving]:
    """Two workers with two services."""
    with _serving(tmp_path, "--workers", "2") as started:
        yield started


def _ask(server: Serving, path: str) -> tuple[int, str]:
    """Status, and the text or the code of the fault."""
    connection = HTTPConnection(server.address.removeprefix("http://"), timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = json.loads(response.read() or b"{}")
    finally:
        connection.close()
    return response.status, body["data"]["text"] if response.status == 200 else body["error"]["code"]


def _service(server: Serving, *arguments: str) -> tuple[int, str]:
    done = pi("service", *arguments, cwd=server.folder, PYTHONPATH=str(server.folder / "site"), COLUMNS="200")
    return done.returncode, done.stdout + done.stderr


def _all(server: Serving, path: str) -> set[tuple[int, str]]:
    """What is answered, asked so often that every worker has been."""
    return {_ask(server, path) for _ in range(20)}


def test_a_service_is_switched_off_and_on_in_every_worker(server: Serving) -> None:
    """Its calls get 503, one that runs is answered, its lifespan ends; others do not notice; it is on record."""
    answers: list[tuple[int, str]] = []
    running = threading.Thread(target=lambda: answers.append(_ask(server, "/made/word?patience=1.5")))
    running.start()
    wait_for("asked", server.folder / "asked.txt")
    assert _service(server, "disable", "made") == (0, "made: disabled in 2 workers\n")
    assert _all(server, "/made/word") == {(503, "service_disabled")}
    assert _all(server, "/other/word") == {(200, "first")}
    running.join()
    assert answers == [(200, "first")]
    wait_for("first\nfirst\n", server.folder / "ended.txt")

    assert _service(server, "enable", "made") == (0, "made: serving in 2 workers\n")
    assert _all(server, "/made/word") == {(200, "first")}
    lines = [json.loads(line) for line in (server.folder / "logs/operators.log").read_text().splitlines()]
    told = [(line["action"], line["service"], line["outcome"]) for line in lines]
    assert told == [("disable", "made", "disabled")] * 2 + [("enable", "made", "serving")] * 2
    assert len({line["worker"] for line in lines}) == 2
    assert all(line["who"].startswith("uid ") for line in lines)


def test_a_worker_that_only_finishes_its_calls_is_not_asked(server: Serving) -> None:
    """After a reload it would tell of what was before; the master's file says which it is."""
    path = server.folder / "var/master.json"
    state = json.loads(path.read_text())
    state["workers"][0]["status"] = "stopping"
    path.write_text(json.dumps(state))
    assert _service(server, "reload", "made") == (0, "made: serving in 1 worker\n")


def test_a_service_is_made_anew_with_what_the_file_says_now(server: Serving) -> None:
    """A section that cannot be used is refused with its place, told once, and the old one goes on serving."""
    _configure(server.folder, made={"word": "second"})
    assert _service(server, "reload", "made") == (0, "made: serving in 2 workers\n")
    assert _all(server, "/made/word") == {(200, "second")}
    wait_for("first\nfirst\n", server.folder / "ended.txt")

    _configure(server.folder, made={"wort": "third"})
    code, told = _service(server, "reload", "made")
    assert (code, "config.yaml:1" in told, "services.made.wort" in told) == (1, True, True)
    _configure(server.folder, made={"word": "broken"})
    code, told = _service(server, "reload", "made")
    assert (code, told.count("ValueError: no such word"), told.startswith("workers ")) == (1, 1, True)
    assert _all(server, "/made/word") == {(200, "second")}


def test_a_service_that_was_switched_off_stays_off_after_a_reload(server: Serving) -> None:
    """Workers that start later read what was switched by hand."""
    assert _service(server, "disable", "made")[0] == 0
    assert pi("reload", cwd=server.folder, PYTHONPATH=str(server.folder / "site")).returncode == 0
    assert _all(server, "/made/word") == {(503, "service_disabled")}
    code, table = _service(server, "list")
    assert code == 0
    assert [line.split()[:2] for line in table.splitlines() if "made" in line] == [["made", "disabled"]]
    assert _service(server, "enable", "made")[0] == 0
    assert _all(server, "/made/word") == {(200, "first")}
    assert json.loads((server.folder / "var/services.json").read_text()) == {}


def test_a_service_that_blocks_again_and_again_is_quarantined(tmp_path: Path) -> None:
    """Only that one answers 503, until it is released."""
    with _serving(tmp_path, guard={"quarantine": 2}) as server:
        for _ in range(2):
            connection = HTTPConnection(server.address.removeprefix("http://"), timeout=20)
            connection.request("GET", "/made/blocks")
            assert connection.getresponse().status == 204
            connection.close()
        wait_for("service made is quarantined: it blocked the event loop 2 times", tmp_path / "logs/error.log")
        assert _ask(server, "/made/word") == (503, "service_quarantined")
        assert _ask(server, "/other/word") == (200, "first")
        assert _service(server, "release", "made") == (0, "made: serving in 1 worker\n")
        assert _ask(server, "/made/word") == (200, "first")
        assert _service(server, "quarantine", "made") == (0, "made: quarantined in 1 worker\n")
        assert _ask(server, "/made/word") == (503, "service_quarantined")


def test_what_cannot_be_done_is_refused(tmp_path: Path) -> None:
    """With the reason, and a status for scripts."""
    with _serving(tmp_path) as server:
        code, told = _service(server, "disable", "bank")
        assert (code, "no service is called 'bank'; there is " in told) == (1, True)
        code, told = _service(server, "release", "made")
        assert (code, "made is not quarantined" in told) == (1, True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["account_withdrawal", "exchange_rates", "accounts"])
def test_a_service_made_anew_a_hundred_times_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    """R-57: a SOAP provider, a REST provider, a store and pages; memory grows by less than 5 MiB once all is warm."""
    services: dict[str, Any] = {
        "account_withdrawal": {"bank": {"endpoint": "https://bank.invalid/ws", "wsdl": "files/withdraw.wsdl"}},
        "exchange_rates": {"market": {"endpoint": "https://market.invalid/v1"}},
        "accounts": {"chain": "people"},
    }
    config = {"chains": {"people": ["session", "jwt", "csrf"]}, "services": {name: {"enabled": True, **services[name]}}}
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with serving(cwd=tmp_path) as started:
        (worker,) = workers(tmp_path / "var")
        process = psutil.Process(started.process.pid)
        tasks = [one["tasks"] for one in worker.ask("services")]  # later, one may be on its way to its end
        for _ in range(10):
            worker.ask("service", service=name, turn="reload")
        before = process.memory_info().rss
        for _ in range(100):
            assert worker.ask("service", service=name, turn="reload")["state"] == "serving"
        assert process.memory_info().rss - before < 5 << 20
        wait_until(lambda: [one["tasks"] for one in worker.ask("services")] == tasks, "the end of their tasks")
