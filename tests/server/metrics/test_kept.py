"""Counters of workers that have ended."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from pi_server.server.metrics.families import join
from pi_server.server.metrics.kept import forget, keep, left_behind


def _figures(count: int, memory: int = 1) -> dict[str, Any]:
    return {"exchanges": [(["bank"], count)], "memory_bytes": [([], memory)]}


def _dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def _exchanges(told: list[Any]) -> Any:
    return join(told)["exchanges", ("bank",)]


def test_what_the_dead_counted_is_folded_into_one_file(tmp_path: Path) -> None:
    """However many workers there were, and however often it is read: the sums stay, and no gauge is left."""
    for number in range(20):
        keep(tmp_path, f"{_dead()}-{number:08x}", _figures(2))
        told = left_behind(tmp_path, set())
        assert _exchanges(told) == 2 * (number + 1)
        assert [path.name for path in tmp_path.glob("*.json")] == ["ended.json"]
    assert ("memory_bytes", ()) not in join(left_behind(tmp_path, set()))


def test_a_worker_that_lives_is_not_folded(tmp_path: Path) -> None:
    """What it last kept counts unless it answered for itself."""
    name = f"{os.getpid()}-00000001"
    keep(tmp_path, name, _figures(3))
    assert _exchanges(left_behind(tmp_path, set())) == 3
    assert join(left_behind(tmp_path, {name})) == {}
    assert (tmp_path / f"{name}.json").exists()


def test_a_spoilt_file_is_left_out(tmp_path: Path) -> None:
    """The others count."""
    keep(tmp_path, f"{_dead()}-00000001", _figures(3))
    (tmp_path / "1-spoilt.json").write_text('{"exchanges": [[["ba')
    assert _exchanges(left_behind(tmp_path, set())) == 3


def test_a_server_that_starts_forgets(tmp_path: Path) -> None:
    """Its counters begin at nothing."""
    keep(tmp_path, f"{_dead()}-00000001", _figures(3))
    left_behind(tmp_path, set())
    forget(tmp_path)
    assert join(left_behind(tmp_path, set())) == {}


def test_figures_survive_json(tmp_path: Path) -> None:
    """What one worker writes another reads."""
    keep(tmp_path, "1-00000001", _figures(3))
    assert json.loads((tmp_path / "1-00000001.json").read_text())["exchanges"] == [[["bank"], 3]]
    assert (tmp_path / "1-00000001.json").stat().st_mode & 0o777 == 0o600
