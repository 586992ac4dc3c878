"""Keys in a file of SQLite: the default, shared by all workers of one machine."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep, time
from typing import Final, ParamSpec, TypeVar

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import StoreTooNewError
from pi_server.stores.key_rules import added, milliseconds, stored_name

_SCHEMA: Final = 1
_SWEEP_EVERY: Final = 60.0  # seconds between looks for expired values
_SWEPT_AT_ONCE: Final = 500  # so that no write waits long for a sweep
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS kept (name BLOB PRIMARY KEY, value BLOB NOT NULL, expires INTEGER)",
    "CREATE INDEX IF NOT EXISTS kept_expires ON kept (expires) WHERE expires IS NOT NULL",
)
_GET: Final = "SELECT value, expires FROM kept WHERE name = ? AND (expires IS NULL OR expires > ?)"
_PUT: Final = "INSERT OR REPLACE INTO kept (name, value, expires) VALUES (?, ?, ?)"
_DELETE: Final = "DELETE FROM kept WHERE name = ?"
_SWEEP: Final = "DELETE FROM kept WHERE rowid IN (SELECT rowid FROM kept WHERE expires <= ? LIMIT ?)"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class SqliteKeys:
    """Keeps values in one file; each process has one connection, on a thread of its own.

    Expiry goes by the wall clock, the only one that workers share and that outlives them.  A clock that is put forward
    ends values that much early; one that is put back lets those already kept live that much longer, and harms nothing
    else.  What must not outlive its time by a clock put back says its end in its own value.

    After a power failure the last writes may be missing; the file is whole.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        """Keep keys in ``path``, answering within ``timeout`` seconds; `open` comes next."""
        self._where = f"keys in {path}"
        self._timeout = timeout
        self._file = _File(path, timeout)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-keys")

    async def open(self) -> None:
        """Open the file, which is made where there is none, with its directory; only its owner may read it.

        Raises:
            StoreTooNewError: a later version wrote it.
            StoreUnavailable: it cannot be opened.
        """
        try:
            await self._on_thread(self._file.open)
        except BaseException:
            await self.close()
            raise

    async def get(self, key: str) -> bytes | None:
        """See `KeyStore.get`."""
        return await self._on_thread(self._file.get, stored_name(key))

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """See `KeyStore.get_many`."""
        return await self._on_thread(self._file.get_many, [stored_name(key) for key in keys])

    async def put(self, key: str, value: bytes, *, lasting: float | None = None) -> None:
        """See `KeyStore.put`."""
        await self._on_thread(self._file.put, stored_name(key), value, lasting)

    async def add(self, key: str, value: bytes, *, lasting: float | None = None) -> bool:
        """See `KeyStore.add`."""
        return await self._on_thread(self._file.add, stored_name(key), value, lasting)

    async def replace(self, key: str, value: bytes | None, *, old: bytes, lasting: float | None = None) -> bool:
        """See `KeyStore.replace`."""
        return await self._on_thread(self._file.replace, stored_name(key), value, old, lasting)

    async def delete(self, key: str) -> bool:
        """See `KeyStore.delete`."""
        return await self._on_thread(self._file.delete, stored_name(key))

    async def increment(self, key: str, by: int = 1, *, lasting: float | None = None) -> int:
        """See `KeyStore.increment`."""
        return await self._on_thread(self._file.increment, stored_name(key), by, lasting)

    async def ping(self) -> None:
        """See `KeyStore.ping`."""
        await self._on_thread(self._file.get, b"")

    async def close(self) -> None:
        """Close the file after what was asked of it before; nothing is raised, and once is enough."""
        with suppress(RuntimeError):  # it was closed before
            closing = asyncio.get_running_loop().run_in_executor(self._thread, self._file.close)
            self._thread.shutdown(wait=False)
            await asyncio.wait([closing], timeout=self._timeout)

    async def _on_thread(self, work: Callable[_P, _T], *given: _P.args, **named: _P.kwargs) -> _T:
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *given, **named))
        except TimeoutError:
            raise StoreUnavailable(f"{self._where}: no answer in {self._timeout:g} s") from None
        except (sqlite3.Error, OSError, RuntimeError) as error:  # RuntimeError: the thread has ended
            raise StoreUnavailable(f"{self._where}: {error}") from error


class _File:
    """The file as its thread sees it."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience  # seconds to wait for other processes
        self._opened: sqlite3.Connection | None = None
        self._sweep_at = monotonic() + _SWEEP_EVERY

    def open(self) -> None:
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        with suppress(FileExistsError):  # SQLite gives its companions the mode of the file
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        self._opened = sqlite3.connect(self._path, timeout=self._patience, isolation_level=None)
        self._refuse_newer()
        self._share()
        with self._writing() as connection:
            self._refuse_newer()  # another process may have been quicker
            for table in _TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA user_version = {_SCHEMA}")

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def get(self, name: bytes) -> bytes | None:
        found = self._find(name)
        return found[0] if found else None

    def get_many(self, names: Sequence[bytes]) -> list[bytes | None]:
        return [self.get(name) for name in names]

    def put(self, name: bytes, value: bytes, lasting: float | None) -> None:
        with self._writing() as connection:
            connection.execute(_PUT, (name, value, _end(lasting)))

    def add(self, name: bytes, value: bytes, lasting: float | None) -> bool:
        with self._writing() as connection:
            if self._find(name):
                return False
            connection.execute(_PUT, (name, value, _end(lasting)))
            return True

    def replace(self, name: bytes, value: bytes | None, old: bytes, lasting: float | None) -> bool:
        with self._writing() as connection:
            if self.get(name) != old:
                return False
            if value is None:
                connection.execute(_DELETE, (name,))
            else:
                connection.execute(_PUT, (name, value, _end(lasting)))
            return True

    def delete(self, name: bytes) -> bool:
        with self._writing() as connection:
            found = self._find(name)
            connection.execute(_DELETE, (name,))
            return found is not None

    def increment(self, name: bytes, by: int, lasting: float | None) -> int:
        with self._writing() as connection:
            value, end = self._find(name) or (None, _end(lasting))
            total = added(value, by)
            connection.execute(_PUT, (name, b"%d" % total, end))
            return total

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            raise sqlite3.ProgrammingError("it is closed")
        return self._opened

    def _find(self, name: bytes) -> tuple[bytes, int | None] | None:
        found: tuple[bytes, int | None] | None = self._connection.execute(_GET, (name, _now())).fetchone()
        return found

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._connection as connection:  # commits, or rolls back
            connection.execute("BEGIN IMMEDIATE")  # a plain BEGIN is refused without a wait where others write
            yield connection
            self._sweep()

    def _sweep(self) -> None:
        """Delete values that ended, a few at a time."""
        if monotonic() >= self._sweep_at:
            swept = self._connection.execute(_SWEEP, (_now(), _SWEPT_AT_ONCE)).rowcount
            if swept < _SWEPT_AT_ONCE:
                self._sweep_at = monotonic() + _SWEEP_EVERY

    def _refuse_newer(self) -> None:
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found > _SCHEMA:
            raise StoreTooNewError(str(self._path), found, _SCHEMA)

    def _share(self) -> None:
        """Let others read while one writes."""
        end = monotonic() + self._patience
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError:  # SQLite does not wait when several processes change the mode at once
                if monotonic() > end:
                    raise
                sleep(0.01)
        self._connection.execute("PRAGMA synchronous = NORMAL")


def _now() -> int:
    return round(time() * 1000)


def _end(lasting: float | None) -> int | None:
    left = milliseconds(lasting)
    return None if left is None else _now() + left
