"""Asking a running server, for whoever may use its folder: one question and one answer, each a line of JSON.

Every worker listens on a unix socket of its own below ``server.data_dir``.  A question is ``{"ask": "providers"}`` and
what else it needs; the answer is ``{"answer": ...}``, or ``{"refused": "why"}``.
"""

import asyncio
import json
import logging
import os
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

Verb = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Does what is asked, and answers with what JSON can hold; `RefusedError` says why not."""

LONGEST = 64 * 1024
"""Bytes of a question."""

PATIENCE = 10.0
"""Seconds a question may take to come, and an answer to be given."""

_LONGEST_PATH = 100  # bytes; the system takes a few more in the address of a unix socket, not many

_log = logging.getLogger("pi_server.control")


class RefusedError(Exception):
    """Raised by a verb: what was asked cannot be done, and why."""


@asynccontextmanager
async def answering(data_dir: Path, verbs: Mapping[str, Verb]) -> AsyncGenerator[None]:
    """Answer questions, by their verbs, until the block ends; where no socket can be made, the server still serves."""
    path = control_folder(data_dir) / f"{os.getpid()}-{uuid4().hex[:8]}.sock"
    try:
        listener = _bound(path)
    except OSError as error:
        _log.error("this server cannot be asked anything while it runs: %s", error)
        yield
        return
    answers = _Answers(verbs)
    async with await asyncio.start_unix_server(answers.connected, sock=listener, limit=LONGEST):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            await answers.end()


def _bound(path: Path) -> socket.socket:
    """A socket at ``path``, for its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    try:
        with _address(path) as address:
            listener.bind(address)
        path.chmod(0o600)
    except BaseException:
        listener.close()
        raise
    return listener


def control_folder(data_dir: Path) -> Path:
    """Where the sockets of all workers lie."""
    return data_dir / "control"


class _Answers:
    """One connection is one question."""

    def __init__(self, verbs: Mapping[str, Verb]) -> None:
        self._verbs = verbs
        self._running: set[asyncio.Task[None]] = set()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer, beside all others."""
        task = asyncio.create_task(self._talk(reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def end(self) -> None:
        """Leave what is asked now without an answer."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await self._reply(reader, _asker(writer))
            with suppress(OSError):  # whoever asked did not wait
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _reply(self, reader: asyncio.StreamReader, who: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(PATIENCE):
                question = await self._understood(reader)
                return {"answer": await self._verbs[question["ask"]]({**question, "who": who})}
        except RefusedError as refused:
            return {"refused": str(refused)}
        except TimeoutError:
            return {"refused": "it took too long"}
        except Exception:  # noqa: BLE001 - a question must not end the worker
            _log.exception("a question could not be answered")
            return {"refused": "it failed; error.log tells more"}

    async def _understood(self, reader: asyncio.StreamReader) -> Mapping[str, Any]:
        with suppress(ValueError, TypeError, KeyError):  # the first also where the line is too long
            question: dict[str, Any] = json.loads(await reader.readline())
            if question["ask"] in self._verbs:
                return question
        raise RefusedError(f'a question is {{"ask": ...}}, one of {", ".join(self._verbs)}')


def _asker(writer: asyncio.StreamWriter) -> str:
    """The user that asks, as the system knows it (unix(7), SO_PEERCRED)."""
    credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return f"uid {struct.unpack('3i', credentials)[1]}"


class Worker:
    """A worker that listens, as somebody outside sees it."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience

    @property
    def pid(self) -> int:
        """Its process, which its socket is named after."""
        return int(self._path.stem.partition("-")[0])

    def ask(self, verb: str, **given: Any) -> Any:
        """The answer to a question.

        Raises:
            RefusedError: the worker says why it does not answer.
            OSError: it went away.
        """
        with socket.socket(socket.AF_UNIX) as connection, _address(self._path) as address:
            connection.settimeout(self._patience)
            connection.connect(address)
            connection.sendall(json.dumps({"ask": verb, **given}).encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
        if not line:
            raise ConnectionResetError(f"the worker at {self._path} did not answer")
        reply: dict[str, Any] = json.loads(line)
        if "refused" in reply:
            raise RefusedError(reply["refused"])
        return reply["answer"]


def workers(data_dir: Path, patience: float = 2 * PATIENCE) -> Iterator[Worker]:
    """All workers that live, to be waited for ``patience`` seconds; the sockets of dead ones are removed."""
    for path in sorted(control_folder(data_dir).glob("*.sock")):
        if _listens(path):
            yield Worker(path, patience)
        else:
            path.unlink(missing_ok=True)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection, _address(path) as address:
        try:
            connection.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
    return True


@contextmanager
def _address(path: Path) -> Generator[str]:
    """The address of a socket, made short where the path is longer than the system takes."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
