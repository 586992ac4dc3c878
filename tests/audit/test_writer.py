"""Lines reach their file whole and at once, and a failing disk disturbs nobody."""

import multiprocessing
import os
import shutil
import stat
from errno import ENOSPC
from pathlib import Path

import pytest

from pi_server.audit import writer
from pi_server.audit.writer import AppendFile
from tests.audit.scene import lines_of

LINES = 3000


def test_the_file_is_created_for_its_group_only(path: Path) -> None:
    """The directory is made, the file has mode 0640 and is not handed to child processes."""
    mask = os.umask(0o022)
    try:
        file = AppendFile(path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not os.get_inheritable(file.fd)
    file.close()


def test_lines_are_appended(path: Path) -> None:
    """What was in the file stays."""
    for text in (b"a\n", b"b\n"):
        file = AppendFile(path)
        file.write(text)
        file.close()
    assert lines_of(path) == [b"a", b"b"]


def test_a_place_that_cannot_be_is_an_error_at_start(tmp_path: Path) -> None:
    """A log that can never be written is told at once, by an OSError."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        AppendFile(tmp_path / "file" / "api.log")


def test_reopen_follows_a_rotation(path: Path) -> None:
    """After a rename lines go to the old file until `reopen`, then to a fresh one, under the same descriptor."""
    file = AppendFile(path)
    fd = file.fd
    file.write(b"a\n")
    path.rename(path.with_suffix(".1"))
    file.write(b"b\n")
    file.reopen()
    file.write(b"c\n")
    assert (lines_of(path.with_suffix(".1")), lines_of(path)) == ([b"a", b"b"], [b"c"])
    assert file.fd == fd
    assert not os.get_inheritable(fd)
    file.close()


@pytest.mark.parametrize("made", [True, False])
def test_a_rename_is_noticed_without_being_told(path: Path, monkeypatch: pytest.MonkeyPatch, made: bool) -> None:
    """Whether or not whoever rotates has made the new file himself."""
    monkeypatch.setattr(writer, "_LOOK_EVERY", 0.0)
    file = AppendFile(path)
    file.write(b"a\n")
    path.rename(path.with_suffix(".1"))
    if made:
        path.touch()
    file.write(b"b\n")
    assert (lines_of(path.with_suffix(".1")), lines_of(path)) == ([b"a"], [b"b"])
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == (0o004 if made else 0)
    file.close()


def test_a_copy_and_a_cut_disturb_nothing(path: Path) -> None:
    """After ``copytruncate`` lines begin at the new beginning, without a hole before them."""
    file = AppendFile(path)
    file.write(b"a\n")
    shutil.copy(path, path.with_suffix(".1"))
    os.truncate(path, 0)
    file.write(b"b\n")
    assert (lines_of(path.with_suffix(".1")), lines_of(path)) == ([b"a"], [b"b"])
    file.close()


def test_a_line_that_lacks_its_end_only_is_not_missing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up right before a line's end, the line is there, and is not written a second time."""
    real, room = os.write, 4

    def write(fd: int, data: bytes) -> int:
        nonlocal room
        if fd == file.fd and not room:
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        written = real(fd, data[:room] if fd == file.fd else data)
        room -= written if fd == file.fd else 0
        return written

    file = AppendFile(path)
    monkeypatch.setattr(os, "write", write)
    assert file.attempt(b"four\nmore\n") == 1
    room = 100
    assert file.attempt(b"more\n") == 0
    assert lines_of(path) == [b"four", b"more"]
    file.close()


def test_a_removed_directory_comes_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deleted file and its directory are made again, so that records are not lost in a file nobody can find."""
    monkeypatch.setattr(writer, "_LOOK_EVERY", 0.0)
    file = AppendFile(path)
    file.write(b"a\n")
    shutil.rmtree(path.parent)
    file.write(b"b\n")
    assert lines_of(path) == [b"b"]
    assert file.losses.count == 0
    file.close()


def test_a_directory_that_cannot_come_back(
    path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a file lines are lost, counted and told; once it can be made again they are kept."""
    monkeypatch.setattr(writer, "_LOOK_EVERY", 0.0)
    file = AppendFile(path)
    shutil.rmtree(path.parent)
    path.parent.touch()
    file.write(b"a\n")
    file.reopen()
    assert (file.losses.count, capfd.readouterr().err.count(str(path))) == (1, 1)
    path.parent.unlink()
    file.write(b"b\n")
    assert lines_of(path) == [b"b"]
    file.close()


def test_a_full_disk_is_told_once_and_raises_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lost record is counted; standard error hears of it at most every ten seconds."""
    now = 1000.0
    monkeypatch.setattr(writer, "monotonic", lambda: now)
    file = AppendFile(Path("/dev/full"))
    for _ in range(100):
        file.write(b"lost\n")
    now += 9.9
    file.write(b"lost\n")
    assert (file.losses.count, capfd.readouterr().err.count("\n")) == (101, 1)
    now += 0.2
    file.write(b"lost\n")
    assert capfd.readouterr().err == "pi-server: /dev/full: 102 log records lost so far: No space left on device\n"
    file.close()


def test_a_closed_file_loses_without_raising(path: Path) -> None:
    """Closing twice and writing after it raise nothing; the record is counted."""
    file = AppendFile(path)
    file.close()
    file.close()
    file.write(b"late\n")
    assert file.losses.count == 1


def test_short_writes_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes only part of a line is continued with the rest."""
    real = os.write

    def narrow(fd: int, data: bytes) -> int:
        return real(fd, data[:3])

    monkeypatch.setattr(os, "write", narrow)
    file = AppendFile(path)
    file.write(b"one whole line\n")
    assert lines_of(path) == [b"one whole line"]
    file.close()


def test_a_cut_line_does_not_run_into_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up within a line, the next line starts on its own."""
    real = os.write
    room = 4  # bytes left on the disk

    def write(fd: int, data: bytes) -> int:
        nonlocal room
        if fd == file.fd and not room:
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        written = real(fd, data[:room] if fd == file.fd else data)
        room -= written if fd == file.fd else 0
        return written

    file = AppendFile(path)
    monkeypatch.setattr(os, "write", write)
    file.write(b"torn line\n")
    file.write(b"nothing\n")
    room = 100
    file.write(b"whole line\n")
    assert lines_of(path) == [b"torn", b"whole line"]
    assert file.losses.count == 2
    file.close()


def fill(path: Path, name: str) -> None:
    """Write many lines of all sizes, in a process of its own."""
    file = AppendFile(path)
    for number in range(LINES):
        file.write(f"{name} {number:06d} {name * (number % 997)} end\n".encode())
    file.close()


def test_processes_share_a_file_without_tearing_lines(path: Path) -> None:
    """Four processes leave all their lines whole, each process's in order."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=fill, args=(path, name)) for name in "abcd"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    numbers: dict[bytes, list[int]] = {}
    for line in lines_of(path):
        name, number, *rest = line.split()
        assert rest in ([name * (int(number) % 997), b"end"], [b"end"])
        numbers.setdefault(name, []).append(int(number))
    assert numbers == {name: list(range(LINES)) for name in (b"a", b"b", b"c", b"d")}
