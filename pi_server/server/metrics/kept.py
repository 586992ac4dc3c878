"""What workers have counted, on file, so that no counter falls when one of them ends.

Each worker writes a file of its own every few seconds and at its end: one that is killed takes the last seconds with
it.  Files of the dead are folded into one, by whoever reads them.
"""

import fcntl
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pi_server.server.metrics.families import Figures, Joined, join, lasting

_ENDED = "ended.json"
_LOCK = "lock"


def metrics_folder(data_dir: Path) -> Path:
    """Where workers keep what they have counted."""
    return data_dir / "metrics"


def keep(folder: Path, name: str, figures: Figures) -> None:
    """Write what is to last, whole or not at all; `OSError` when that is impossible."""
    _write(folder / f"{name}.json", lasting(figures))


def forget(folder: Path) -> None:
    """Remove everything: a server that starts begins to count anew."""
    for path in folder.glob("*.json"):
        path.unlink(missing_ok=True)


def left_behind(folder: Path, answered: set[str]) -> list[dict[str, Any]]:
    """The figures of those workers that have not ``answered``; `OSError` when they cannot be read.

    A worker may be dead, on its way out, or too busy: of all of them what they last kept counts.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        files = {path.stem: path for path in folder.glob("*-*.json") if path.stem not in answered}
        found = {name: told for name, path in files.items() if (told := _read(path)) is not None}
        dead = [name for name in found if not _lives(name)]
        ended = _read(folder / _ENDED) or {}
        if dead:
            ended = _figures(join([ended, *(found[name] for name in dead)]))
            _fold(folder, ended, [files[name] for name in dead])
        return [ended, *(told for name, told in found.items() if name not in dead)]


def _fold(folder: Path, ended: dict[str, Any], files: list[Path]) -> None:
    """Replace ``files`` by what they hold; a reader that dies between the two would count them twice, so quickly."""
    _write(folder / _ENDED, ended)
    for path in files:
        path.unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, told: dict[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(told), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    with suppress(FileNotFoundError, ValueError):
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return told
    return None


def _lives(name: str) -> bool:
    """Whether the process is there that a file is named after; another with its number only delays the folding."""
    return Path(f"/proc/{name.partition('-')[0]}").exists()


def _figures(joined: Joined) -> dict[str, Any]:
    figures: dict[str, list[Any]] = {}
    for (name, labels), value in joined.items():
        figures.setdefault(name, []).append((list(labels), value))
    return figures
