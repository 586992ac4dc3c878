"""A file of SQLite with a connection for writing and one for reading, each on a thread of its own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from pi_server.domain.faults import StoreUnavailable
from pi_server.domain.stores import StoreTooNewError
from pi_server.stores.sqlite_filters import Value

Values: TypeAlias = Sequence[Value]
Rows: TypeAlias = Sequence[Sequence[Any]]

_SCHEMA: Final = 1
_COUNTERS: Final = "CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL)"


class SqliteFile:
    """What is asked of the file, one statement at a time.

    A statement that changes something is a transaction that writes from its beginning: it waits its turn among
    processes as BEGIN IMMEDIATE would, and a task cancelled while it waits leaves nothing half open.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        """Answer within ``timeout`` seconds; `open` comes next."""
        self._path = path
        self._timeout = timeout
        self._connections: list[_Connection] = []

    async def open(self) -> None:
        """Open the file, which is made where there is none, with its directory; only its owner may read it.

        Raises:
            StoreTooNewError: a later version wrote it.
            StoreUnavailable: it cannot be opened.
        """
        try:
            await self._open()
        except BaseException:
            await self.close()  # its threads would keep the process from ending
            raise

    async def read(self, sql: str, values: Values = ()) -> Rows:
        """The rows; what other processes have written is seen."""
        return await self._rows(1, sql, values)

    async def write(self, sql: str, values: Values = ()) -> Rows:
        """The rows the statement returns; sqlite3.IntegrityError where a value is taken."""
        return await self._rows(0, sql, values)

    async def close(self) -> None:
        """Close both connections after what was asked of them before; nothing is raised, and once is enough."""
        connections, self._connections = self._connections, []
        if closing := [connection.close() for connection in connections]:
            await asyncio.wait(closing, timeout=self._timeout)

    async def _open(self) -> None:
        try:
            await asyncio.to_thread(_create, self._path)
        except OSError as error:
            raise self._unavailable(error.strerror) from error
        await self._connect()
        [[found]] = await self.write("PRAGMA user_version")
        if found > _SCHEMA:
            raise StoreTooNewError(f"documents in {self._path}", found, _SCHEMA)
        await self._share()
        if found < _SCHEMA:
            await self.write(f"PRAGMA user_version = {_SCHEMA}")
        await self.write("PRAGMA synchronous = NORMAL")
        await self.write(_COUNTERS)
        await self._connect()
        await self.read("PRAGMA query_only = ON")

    async def _connect(self) -> None:
        self._connections.append(connection := _Connection())
        try:
            await connection.open(self._path, self._timeout)
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error

    async def _share(self) -> None:
        """Let readers read while somebody writes; changing to that is the one step that does not wait its turn."""
        until = asyncio.get_running_loop().time() + self._timeout
        while True:
            try:
                await self.write("PRAGMA journal_mode = WAL")
            except StoreUnavailable:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(0.02)
            else:
                return

    async def _rows(self, which: int, sql: str, values: Values) -> Rows:
        if len(self._connections) <= which:
            raise self._unavailable("closed")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._connections[which].rows(sql, values)
        except TimeoutError:
            raise self._unavailable(f"no answer in {self._timeout:g} s") from None
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, RuntimeError) as error:  # RuntimeError: the thread has ended
            raise self._unavailable(error) from error

    def _unavailable(self, reason: object) -> StoreUnavailable:
        return StoreUnavailable(f"documents in {self._path}: {reason}")


class _Connection:
    """One connection, whose thread does not begin with what nobody waits for any more."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-documents")
        self._opened: sqlite3.Connection | None = None

    async def open(self, path: Path, patience: float) -> None:
        """Open the file, and from then on wait ``patience`` seconds for other processes."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open, path, patience)

    async def rows(self, sql: str, values: Values) -> Rows:
        """What the statement returns."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._rows, sql, values)

    def close(self) -> asyncio.Future[None]:
        """Begin to close it; its thread ends then."""
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)
        return closing

    def _open(self, path: Path, patience: float) -> None:
        self._opened = sqlite3.connect(path, timeout=patience, isolation_level=None)

    def _rows(self, sql: str, values: Values) -> Rows:
        if self._opened is None:
            raise sqlite3.ProgrammingError("it is closed")
        return self._opened.execute(sql, values).fetchall()

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _create(path: Path) -> None:
    """Only where there is none: closing a file of SQLite's would let go of the locks its connections hold."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
