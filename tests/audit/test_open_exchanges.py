"""What a worker that dies leaves open is closed by the next one, exactly once."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pi_server.audit.api_log import ApiLog
from pi_server.audit.api_log_parser import parse_line
from pi_server.audit.mask import Mask
from pi_server.audit.open_exchanges import LARGEST, OpenExchanges, abandoned
from pi_server.domain.exchange import Exchange, Send
from pi_server.domain.message import WireResponse
from pi_server.domain.turn import Turn
from tests.audit.scene import ANSWER, call, exchange, status_of

AT_ONCE = 3


class Worker:
    """An API log and its open exchanges in a folder; ``look`` is called around every write to the log."""

    def __init__(self, folder: Path, look: Callable[[], None] = lambda: None) -> None:
        self.turn = Turn()
        self.folder, self.log = folder / "open", folder / "api.log"
        self.log.touch()
        self.exchanges = OpenExchanges(self.folder, self.turn)
        self._look = look
        api = ApiLog(self.turn.recorder(self._write), Mask(), open_exchanges=self.exchanges)
        self._send: Send = api.link("full", status_of)(self._answer)
        self.answers: list[asyncio.Future[WireResponse]] = []

    def begin(self, of: str = "one") -> asyncio.Task[WireResponse]:
        """Begin an exchange of the call with that correlation id."""
        return asyncio.create_task(self._exchange(of))

    async def _exchange(self, of: str) -> WireResponse:
        return await self._send(exchange(of=call(of)))

    def _write(self, lines: bytes) -> int:
        self._look()
        with self.log.open("ab") as file:
            file.write(lines)
        self._look()
        return 0

    async def _answer(self, _: Exchange) -> WireResponse:
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


def balance(log: Path) -> dict[str, int]:
    """By correlation id, how many more request records than closing records there are."""
    found: dict[str, int] = {}
    for line in log.read_text().splitlines():
        record = parse_line(line)
        one = 1 if record.flow == "REQUEST_OUT_PI" else -1
        found[record.correlation_id] = found.get(record.correlation_id, 0) + one
    return {id_: more for id_, more in found.items() if more}


def ids(closings: list[str]) -> dict[str, int]:
    """The same of closing records that are owed."""
    records = [parse_line(f"[now] INFO {{API_LOG}} {{{closing}}}") for closing in closings]
    return {id_: sum(record.correlation_id == id_ for record in records) for id_ in {r.correlation_id for r in records}}


class Crash:
    """Looks at what a crash at this very moment would leave: the files as they are, without their locks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.looks = 0

    def __call__(self) -> None:
        """What is owed is exactly what the log lacks."""
        self.looks += 1
        with TemporaryDirectory() as name:
            left = Path(name) / "left"
            shutil.copytree(self._folder, left)
            assert ids(list(abandoned(left / "open", left / "api.log"))) == balance(left / "api.log")
            assert list((left / "open").iterdir()) == []


@settings(max_examples=40)
@example([[0, 1, 2], [1, 0], [0, 2]])
@given(st.lists(st.lists(st.integers(0, AT_ONCE - 1), max_size=6), max_size=8))
def test_a_crash_at_any_moment_leaves_exactly_what_is_owed(turns: list[list[int]]) -> None:
    """Whatever begins and ends in the same turns, before and after every write; equal calls are counted, not mixed."""
    with TemporaryDirectory() as name:
        assert asyncio.run(_crashed(Path(name), turns)) >= len(turns)


async def _crashed(folder: Path, turns: list[list[int]]) -> int:
    crash = Crash(folder)
    worker = Worker(folder, crash)
    running: dict[int, asyncio.Task[WireResponse]] = {}
    for turn in turns:
        for number in turn:
            if task := running.pop(number, None):
                task.cancel()
            else:
                running[number] = worker.begin(f"id-{number % 2}")
        for _ in range(3):
            await asyncio.sleep(0)
        crash()
    for task in running.values():
        task.cancel()
    await asyncio.gather(*running.values(), return_exceptions=True)
    worker.turn.flush()
    worker.exchanges.close()
    return crash.looks


async def test_what_lives_is_left_alone(tmp_path: Path) -> None:
    """The open exchanges of a running worker are not closed by another one; when it ends well, no file is left."""
    worker = Worker(tmp_path)
    task = worker.begin()
    await asyncio.sleep(0.01)
    assert list(abandoned(worker.folder, worker.log)) == []
    worker.answers[0].set_result(ANSWER)
    await task
    worker.turn.flush()
    worker.exchanges.close()
    assert list(worker.folder.iterdir()) == []
    assert balance(worker.log) == {}


async def test_a_rotated_log_still_counts(tmp_path: Path) -> None:
    """A request record in a log that was renamed is found; its closing record goes to the new log."""
    worker = Worker(tmp_path)
    task = worker.begin()
    await asyncio.sleep(0.01)
    worker.log.rename(tmp_path / "api.log.1")
    shutil.copytree(worker.folder, tmp_path / "left")
    assert len(list(abandoned(tmp_path / "left", worker.log))) == 1
    task.cancel()


async def test_the_file_stays_small(tmp_path: Path) -> None:
    """What is closed is thrown away, what is open is kept, however many exchanges there have been."""
    worker = Worker(tmp_path)
    first = worker.begin("first")
    await asyncio.sleep(0)
    closing = "x" * 10_000
    largest = 0
    for _ in range(3 * LARGEST // len(closing)):
        worker.exchanges.end(worker.exchanges.begin(closing))
        worker.turn.flush()
        largest = max(largest, sum(path.stat().st_size for path in worker.folder.iterdir()))
    assert largest < LARGEST + 2 * len(closing)
    shutil.copytree(worker.folder, tmp_path / "left")
    (owed,) = abandoned(tmp_path / "left", worker.log)
    assert '"correlationId": "first"' in owed
    first.cancel()


@pytest.mark.parametrize("cut", [1, 20, 200])
async def test_a_torn_last_line_tells_of_nothing(tmp_path: Path, cut: int) -> None:
    """A line that was cut off was written before its request, which was then never sent."""
    worker = Worker(tmp_path)
    task = worker.begin()
    await asyncio.sleep(0.01)
    (file,) = worker.folder.iterdir()
    left = tmp_path / "left"
    left.mkdir()
    (left / "1.open").write_bytes(file.read_bytes()[:-cut])
    assert list(abandoned(left, worker.log)) == []
    task.cancel()


async def test_a_closing_record_looks_like_any_other(tmp_path: Path) -> None:
    """Its fields are those of an exchange that ran into its deadline, in the same order."""
    worker = Worker(tmp_path)
    task = worker.begin()
    await asyncio.sleep(0.01)
    shutil.copytree(worker.folder, tmp_path / "left")
    (owed,) = abandoned(tmp_path / "left", worker.log)
    worker.answers[0].set_exception(TimeoutError())
    with pytest.raises(TimeoutError):
        await task
    worker.turn.flush()
    assert worker.log.read_text().splitlines()[-1].endswith(f"INFO {{API_LOG}} {{{owed}}}")
