"""What one turn of the loop writes together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from pi_server.domain import turn as turn_module
from pi_server.domain.turn import MOST, SMALL, Turn, Write
from tests.parts.waiting import until


class Wire:
    """A transport that notes what is asked of it, in the order in which it is asked."""

    def __init__(self, noted: list[Any]) -> None:
        self.noted = noted
        self.closing = False

    def is_closing(self) -> bool:
        """Whether it is going away."""
        return self.closing

    def get_extra_info(self, name: str) -> str:
        """Something that stays the same."""
        return name

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def write(self, data: bytes) -> None:
        """Note bytes."""
        self.noted.append(data)

    def close(self) -> None:
        """Note the end."""
        self.closing = True
        self.noted.append("closed")


class Broken(Wire):
    """A transport that cannot be written to."""

    def write(self, data: bytes) -> None:
        """Fail."""
        raise OSError(data)


def _held(turn: Turn, noted: list[Any]) -> tuple[Wire, asyncio.Transport]:
    wire = Wire(noted)
    return wire, turn.hold(cast("asyncio.BaseTransport", wire))


def _into(noted: list[Any]) -> Write:
    """A file that takes everything."""

    def write(lines: bytes) -> int:
        noted.append(lines)
        return 0

    return write


def _recorded(turn: Turn, noted: list[Any] | None = None) -> None:
    """There is a record in this turn, and so a reason to wait for its end."""
    turn.recorder(_into([] if noted is None else noted))(b"record\n")


async def test_without_a_record_nothing_waits() -> None:
    """What is sent leaves at once."""
    turn, noted = Turn(), list[Any]()
    _, held = _held(turn, noted)
    held.write(b"one")
    held.write(b"two")
    assert noted == [b"one", b"two"]


async def test_records_are_written_before_bytes() -> None:
    """All in one write for each file; nothing leaves before the turn ends."""
    turn, noted = Turn(), list[Any]()
    record = turn.recorder(_into(noted))
    _, one = _held(turn, noted)
    _, other = _held(turn, noted)
    record(b"first\n")
    one.write(b"to one")
    record(b"second\n")
    other.write(b"to other")
    assert noted == []
    await asyncio.sleep(0)
    assert noted == [b"first\nsecond\n", b"to one", b"to other"]


async def test_nothing_is_written_twice() -> None:
    """A turn without anything to write writes nothing."""
    turn, noted = Turn(), list[Any]()
    _, held = _held(turn, noted)
    _recorded(turn)
    held.write(b"once")
    for _ in range(3):
        await asyncio.sleep(0)
    turn.flush()
    assert noted == [b"once"]


@pytest.mark.parametrize("second", [b"two", b"x" * (SMALL + 1)])
async def test_a_second_write_goes_out_at_once(second: bytes) -> None:
    """After the first one and after every record, so that whoever writes much is told to pause."""
    turn, noted = Turn(), list[Any]()
    _, held = _held(turn, noted)
    _recorded(turn, noted)
    held.write(b"one")
    held.write(second)
    assert noted == [b"record\n", b"one", second]


async def test_a_large_write_is_not_held() -> None:
    """Its sender is told to pause when the peer does not read, as without a turn."""
    turn, noted = Turn(), list[Any]()
    _, held = _held(turn, noted)
    _recorded(turn, noted)
    held.write(b"x" * (SMALL + 1))
    assert len(noted) == 2


async def test_many_do_not_wait_for_each_other() -> None:
    """As soon as so many hold something, all of it leaves."""
    turn, noted = Turn(), list[Any]()
    _recorded(turn)
    for number in range(MOST):
        _held(turn, noted)[1].write(b"%d" % number)
    assert noted == [b"%d" % number for number in range(MOST)]


async def test_closing_sends_what_is_held() -> None:
    """An answer is complete before its connection ends."""
    turn, noted = Turn(), list[Any]()
    _, held = _held(turn, noted)
    _recorded(turn)
    held.write(b"the answer")
    held.close()
    assert noted == [b"the answer", "closed"]


async def test_a_connection_that_went_away_is_left_alone() -> None:
    """The others get what is theirs."""
    turn, noted = Turn(), list[Any]()
    gone, held = _held(turn, noted)
    _, other = _held(turn, noted)
    _recorded(turn)
    held.write(b"to nobody")
    other.write(b"to somebody")
    gone.closing = True
    await asyncio.sleep(0)
    assert noted == [b"to somebody"]


async def test_a_failure_keeps_nobody_from_sending() -> None:
    """A connection that cannot be written to is told to the loop; what waits behind it leaves in the next turn."""
    turn, noted, reported = Turn(), list[Any](), list[Any]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    broken = turn.hold(cast("asyncio.BaseTransport", Broken(noted)))
    _, other = _held(turn, noted)
    _recorded(turn)
    broken.write(b"nobody's")
    other.write(b"mine")
    for _ in range(3):
        await asyncio.sleep(0)
    assert noted == [b"mine"]
    assert [type(error) for error in reported] == [OSError]


def test_a_record_after_the_loop_is_written() -> None:
    """An exchange that is given up when its loop is closed already leaves its record all the same."""
    noted: list[bytes] = []

    async def begin() -> Turn:
        return Turn()

    record = asyncio.run(begin())
    record.recorder(_into(noted))(b"last\n")
    assert noted == [b"last\n"]


class Full:
    """A file on a disk with room for so many lines."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.lines: list[bytes] = []

    def write(self, lines: bytes) -> int:
        """Take what fits."""
        given = lines.splitlines(keepends=True)
        taken, self.room = given[: self.room], max(0, self.room - len(given))
        self.lines += taken
        return len(given) - len(taken)


class Asker:
    """Somebody who takes his bytes back when his record is refused, some turns later, as a task would."""

    def __init__(self, turn: Turn, noted: list[Any]) -> None:
        self._turn = turn
        self.wire, self.held = _held(turn, noted)
        self.refused = False

    def refuse(self) -> bool:
        """Hear that the record cannot be written."""
        self.refused = True
        asyncio.get_running_loop().call_soon(self._turn.take_back, self.held)
        return True


async def _turns(number: int = 6) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("room", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [1, SMALL + 1])
async def test_nothing_leaves_whose_record_does_not_fit(room: int, size: int) -> None:
    """Those with a record do, the others do not, and neither do large writes that would not wait."""
    turn, noted, file = Turn(), list[Any](), Full(room)
    record = turn.recorder(file.write)
    askers = [Asker(turn, noted) for _ in range(3)]
    for number, asker in enumerate(askers):
        record(b"%d\n" % number, asker.refuse)
    for number, asker in enumerate(askers):
        if not asker.refused or size == 1:
            asker.held.write(b"%d" % number * size)
    await _turns()
    assert noted == [b"%d" % number * size for number in range(room)]
    assert [asker.refused for asker in askers] == [number >= room for number in range(3)]
    assert record.lost == 3 - room


async def test_what_has_happened_is_kept_until_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its order, tried again by itself; what follows it is told at once whether it can be written."""
    monkeypatch.setattr(turn_module, "AGAIN", 0.01)
    turn, file, done = Turn(), Full(), list[str]()
    record = turn.recorder(file.write)
    turn.then(lambda: done.append("settled"))
    record(b"first\n")
    await _turns()
    record(b"refused\n", lambda: True)
    record(b"second\n", lambda: False)
    assert (record.fails, record.lost, file.lines, done) == (True, 1, [], [])
    file.room = 10
    await until(lambda: not record.fails, "a write")
    assert (record.fails, file.lines, done) == (False, [b"first\n", b"second\n"], ["settled"])


class Ours(asyncio.Protocol):
    """Our end of a real connection, held."""

    def __init__(self) -> None:
        self.paused = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold it, in a turn that always has a record."""
        turn = Turn()
        self.record = turn.recorder(_into([]))
        self.transport = turn.hold(transport)

    def pause_writing(self) -> None:
        """Note that enough waits already."""
        self.paused = True


@asynccontextmanager
async def _connected() -> AsyncGenerator[tuple[asyncio.StreamReader, Ours]]:
    """A real connection: the other end reads when it is asked to."""
    accepted: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result((reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        _, ours = await asyncio.get_running_loop().create_connection(Ours, *server.sockets[0].getsockname())
        reader, writer = await accepted
        try:
            yield reader, ours
        finally:
            writer.close()
            ours.transport.abort()


async def test_a_real_connection_gets_all_of_it_in_order() -> None:
    """Small and large writes, then the end."""
    async with _connected() as (reader, ours):
        parts = [b"a" * 10, b"b" * SMALL, b"c" * (2 * SMALL), b"d"]
        for part in parts:
            ours.record(b"record\n")
            ours.transport.write(part)
            await asyncio.sleep(0)
        ours.transport.close()
        assert await asyncio.wait_for(reader.read(), 10) == b"".join(parts)


async def test_who_writes_without_a_pause_is_told_to_pause() -> None:
    """In the very turn in which it writes: no more is held than one small write."""
    async with _connected() as (_, ours):
        ours.record(b"record\n")
        written = 0
        while not ours.paused and written < 1000:
            ours.transport.write(b"x" * SMALL)
            written += 1
        assert ours.paused
