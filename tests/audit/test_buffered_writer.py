"""Buffered lines arrive in order, and a stuck pipe disturbs nobody."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from pi_server.audit import writer
from pi_server.audit.writer import AppendFile, BufferedWriter, Stream
from tests.audit.scene import lines_of
from tests.parts.waiting import until


def test_without_a_loop_lines_are_written_at_once(path: Path) -> None:
    """Before any loop runs a line is in the file when `put` returns."""
    buffered = BufferedWriter(AppendFile(path))
    buffered.put(b"a\n")
    assert lines_of(path) == [b"a"]


async def test_lines_are_written_together_and_soon(path: Path) -> None:
    """Within a loop lines wait a moment, then appear in order."""
    buffered = BufferedWriter(AppendFile(path))
    for number in range(1000):
        buffered.put(b"%d\n" % number)
    assert lines_of(path) == []
    await until(lambda: lines_of(path), "the lines")
    assert lines_of(path) == [b"%d" % number for number in range(1000)]


async def test_close_writes_what_waits(path: Path) -> None:
    """After `close` nothing waits, and a flush already promised finds nothing to do."""
    buffered = BufferedWriter(AppendFile(path), interval=0.01)
    buffered.put(b"a\n")
    buffered.close()
    assert lines_of(path) == [b"a"]
    await asyncio.sleep(0.05)
    assert lines_of(path) == [b"a"]


def test_lines_survive_from_loop_to_loop(path: Path) -> None:
    """A loop that ends before its flush loses nothing: the next line, of another loop or none, brings all out."""
    buffered = BufferedWriter(AppendFile(path), interval=0.01)

    async def put(line: bytes, seconds: float) -> None:
        buffered.put(line)
        await asyncio.sleep(seconds)

    asyncio.run(put(b"a\n", 0))
    asyncio.run(put(b"b\n", 0.2))
    assert lines_of(path) == [b"a", b"b"]
    asyncio.run(put(b"c\n", 0))
    buffered.put(b"d\n")
    assert lines_of(path) == [b"a", b"b", b"c", b"d"]


async def test_order_is_kept_over_many_flushes(path: Path) -> None:
    """Lines put while others are being written come after them."""
    buffered = BufferedWriter(AppendFile(path), interval=0.001)
    for number in range(3000):
        buffered.put(b"%d\n" % number)
        if number % 20 == 0:
            await asyncio.sleep(0.0005)
    buffered.close()
    assert lines_of(path) == [b"%d" % number for number in range(3000)]


async def test_a_stuck_pipe_holds_up_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """While nobody reads, the loop runs on, the buffer keeps its bound and drops are counted; then all goes on."""
    reader, writing = os.pipe()
    buffered = BufferedWriter(writing, interval=0.01, limit=100)
    line = b"x" * 9_999 + b"\n"
    pauses: list[float] = []
    for _ in range(300):
        start = time.perf_counter()
        buffered.put(line)
        await asyncio.sleep(0.001)
        pauses.append(time.perf_counter() - start)
    assert sorted(pauses)[-5] < 1  # the machine may stop now and then; the pipe is full all the time
    assert 100 <= buffered.lost < 300
    assert capfd.readouterr().err.count("more than 100 lines are waiting") == 1
    kept = 300 - buffered.lost
    taker = threading.Thread(target=buffered.close)
    taker.start()
    received = await asyncio.to_thread(read, reader, kept * len(line))
    taker.join()
    assert received == line * kept
    os.close(reader)
    os.close(writing)


def read(fd: int, size: int) -> bytes:
    """Read exactly ``size`` bytes."""
    data = b""
    while len(data) < size:
        data += os.read(fd, size - len(data))
    return data


def test_a_pipe_made_non_blocking_is_waited_for() -> None:
    """Standard output may have been set non-blocking by another program: lines still arrive whole."""
    reader, writing = os.pipe()
    os.set_blocking(writing, False)
    line = b"x" * 300_000 + b"\n"
    writes = threading.Thread(target=Stream(writing).write, args=(line,))
    writes.start()
    assert read(reader, len(line)) == line
    writes.join()
    os.close(reader)
    os.close(writing)


def test_a_pipe_nobody_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A non-blocking pipe that stays full costs the line, not the process; a closed one costs the line at once."""
    monkeypatch.setattr(writer, "_PATIENCE_MS", 10)
    reader, writing = os.pipe()
    os.set_blocking(writing, False)
    stream = Stream(writing)
    stream.write(b"x" * 300_000 + b"\n")
    assert stream.losses.count == 1
    os.close(reader)
    stream.write(b"a\nb\n")
    assert stream.losses.count == 3
    os.close(writing)
