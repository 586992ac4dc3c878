"""The one master of a ``server.data_dir``: its lock, and what it tells of itself in a file."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

PID_FILE = "pi-server.pid"
STATE_FILE = "master.json"


class AlreadyRunsError(Exception):
    """Raised where another master has this ``data_dir``."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"a server already runs here: its pid is {pid}")
        self.pid = pid


class Instance:
    """Held as long as this process lives: the lock goes with it, so a file that was left behind means nothing."""

    def __init__(self, data_dir: Path) -> None:
        """Take ``data_dir``, or raise AlreadyRunsError."""
        data_dir.mkdir(parents=True, exist_ok=True)
        self._path = data_dir / PID_FILE
        self._state = data_dir / STATE_FILE
        self._told: dict[str, Any] = {}
        self._lock = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise AlreadyRunsError(_pid_in(self._path)) from None
        os.truncate(self._lock, 0)
        os.write(self._lock, f"{os.getpid()}\n".encode())

    def tell(self, state: dict[str, Any]) -> None:
        """Let others read how it stands; a full disk is no reason to stop."""
        if state == self._told:
            return
        fresh = self._state.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(state), encoding="utf-8")
            fresh.chmod(0o600)
            fresh.replace(self._state)
        except OSError:
            return
        self._told = state

    def leave(self) -> None:
        """Remove both files, and let the next one begin."""
        self._state.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)
        os.close(self._lock)


def running(data_dir: Path) -> int | None:
    """The pid of the master that has ``data_dir`` now."""
    path = data_dir / PID_FILE
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(path)
    finally:
        os.close(lock)
    return None


def state_of(data_dir: Path) -> dict[str, Any]:
    """What the master last told of itself; empty before it told anything."""
    try:
        told: dict[str, Any] = json.loads((data_dir / STATE_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return told


def _pid_in(path: Path) -> int:
    text = path.read_text(encoding="utf-8").strip()
    return int(text) if text.isdigit() else 0
