"""Asking a running worker through its socket."""

import asyncio
import socket
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pi_server.server.control.channel import RefusedError, answering, control_folder, workers


async def _twice(question: Mapping[str, Any]) -> Any:
    return {"twice": question["number"] * 2}


async def _refuse(_: Mapping[str, Any]) -> Any:
    raise RefusedError("not now")


VERBS = {"twice": _twice, "refuse": _refuse}


async def _ask(data_dir: Path, verb: str, **given: Any) -> list[Any]:
    return await asyncio.to_thread(lambda: [worker.ask(verb, **given) for worker in workers(data_dir)])


async def test_every_worker_answers(tmp_path: Path) -> None:
    """Two that share a folder are asked one after the other."""
    async with answering(tmp_path, VERBS), answering(tmp_path, VERBS):
        assert await _ask(tmp_path, "twice", number=21) == [{"twice": 42}] * 2


async def test_only_the_owner_may_ask(tmp_path: Path) -> None:
    """Neither folder nor socket is open to anybody else."""
    async with answering(tmp_path, VERBS):
        (path,) = control_folder(tmp_path).iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        ("refuse", "not now"),
        ("dance", "one of twice, refuse"),
        ("twice", "error.log"),
    ],
)
async def test_what_cannot_be_answered_is_refused(tmp_path: Path, verb: str, reason: str) -> None:
    """With a reason; a failure of the worker's own is told in its log only."""
    async with answering(tmp_path, VERBS):
        with pytest.raises(RefusedError, match=reason):
            await _ask(tmp_path, verb)


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"7\n", b"{\n", b'{"ask": ["twice"]}\n', b"\xff\n", b"x" * 200_000])
async def test_nonsense_is_refused_and_harms_nobody(tmp_path: Path, line: bytes) -> None:
    """The next question is answered."""
    async with answering(tmp_path, VERBS):
        (path,) = control_folder(tmp_path).iterdir()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(line)
        writer.write_eof()
        assert b"refused" in await asyncio.wait_for(reader.read(), 10)
        writer.close()
        assert await _ask(tmp_path, "twice", number=1) == [{"twice": 2}]


async def test_a_socket_of_the_dead_is_removed(tmp_path: Path) -> None:
    """Nobody listens there any more, so nobody is asked."""
    control_folder(tmp_path).mkdir(parents=True)
    path = control_folder(tmp_path) / "1-dead.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert await _ask(tmp_path, "twice", number=1) == []
    assert not path.exists()


async def test_who_ends_well_leaves_no_socket(tmp_path: Path) -> None:
    """The folder is empty after that."""
    async with answering(tmp_path, VERBS):
        pass
    assert list(control_folder(tmp_path).iterdir()) == []


async def test_a_server_that_cannot_be_asked_still_serves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where its folder cannot be made, it says so in its log."""
    (tmp_path / "file").touch()
    async with answering(tmp_path / "file", VERBS):
        assert "cannot be asked" in caplog.text


async def test_a_long_path_is_no_obstacle(tmp_path: Path) -> None:
    """The system takes some hundred bytes for the address of a socket; folders may be deeper."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    async with answering(deep, VERBS):
        assert await _ask(deep, "twice", number=2) == [{"twice": 4}]
