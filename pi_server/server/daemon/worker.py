"""``python -m pi_server.server.daemon.worker``: serve below a master, on sockets it lends.

The arguments are numbers: of its master's process, its own, and those of inherited descriptors: its order, the line on
which it tells its master a letter at a time, the beat that shows it is alive, and the sockets.
"""

import asyncio
import faulthandler
import logging
import os
import random
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

from pi_server.config import ConfigError, ServerSection
from pi_server.domain.readiness import Readiness
from pi_server.server import signals
from pi_server.server.assembly import PluginsFailed, Server
from pi_server.server.connections.protocol import Runner
from pi_server.server.daemon.instance import state_of
from pi_server.server.daemon.order import borrowed
from pi_server.server.event_loop import loop_factory
from pi_server.server.failures import failure_lines
from pi_server.server.masking import mask_crashes
from pi_server.server.serve import serve

SERVES = b"S"
"""Told once: from now on it answers."""

LEAVES = b"L"
"""Told once: it asks to be replaced, and serves until then."""

WRONG_CONFIG = 78
"""Status of a worker that cannot serve with its configuration; EX_CONFIG of sysexits.h."""

ORPHANED = 4.0
"""Seconds a worker goes on without its master: the next one needs the address."""

_EVERY = 1.0  # seconds between beats
_PAGE = os.sysconf("SC_PAGE_SIZE")

_log = logging.getLogger("pi_server.worker")


class Tie:
    """What binds a worker to its master."""

    def __init__(self, master: int, line: int, beat: int, settings: ServerSection) -> None:
        """Tell ``master`` on ``line`` and ``beat``, and see to the limits of ``settings``."""
        self._line = line
        self._beat = beat
        self._master = master  # told, for it may be gone before anybody could ask who it is
        self._data_dir = settings.data_dir
        self._memory = settings.memory_limit
        self._requests = settings.max_requests and round(settings.max_requests * random.uniform(0.9, 1.1))  # noqa: S311
        self._leaving = False

    @asynccontextmanager
    async def __call__(self, server: Server, runner: Runner, stop: Callable[[], None]) -> AsyncGenerator[None]:
        """Show that the loop turns, and ask to be replaced where a limit is passed, until the block ends."""
        beating = asyncio.create_task(self._live(server, runner, stop))
        self.tell(SERVES)
        try:
            yield
        finally:
            beating.cancel()
            self.show()  # what is left to do is measured from now

    def tell(self, letter: bytes) -> None:
        """Say something to the master, if there still is one."""
        with suppress(OSError):
            os.write(self._line, letter)

    def show(self) -> None:
        """Show the master that this worker lives."""
        os.utime(self._beat, (monotonic(), monotonic()))

    async def _live(self, server: Server, runner: Runner, stop: Callable[[], None]) -> None:
        while os.getppid() == self._master:
            self.show()
            if not self._leaving and (reason := self._reason_to_leave(runner)):
                self._leaving = True
                _log.info("asks to be replaced: %s", reason)
                self.tell(LEAVES)
            self._look_around(server.readiness)
            await asyncio.sleep(_EVERY)
        _log.error("the master is gone: stopping")
        stop()
        asyncio.get_running_loop().call_later(ORPHANED, os.kill, os.getpid(), signals.STOP_FAST)

    def _look_around(self, readiness: Readiness) -> None:
        """Be not ready while workers end over and over: who balances the load has better servers."""
        if state_of(self._data_dir).get("alarm"):
            readiness.not_ready("workers", "workers end over and over")
        else:
            readiness.ready("workers")

    def _reason_to_leave(self, runner: Runner) -> str | None:
        if self._requests and runner.requests >= self._requests:
            return f"{runner.requests} requests served"
        if self._memory and (used := _resident()) > self._memory:
            return f"{used >> 20} MiB of memory used, of {self._memory >> 20}"
        return None


def _resident() -> int:
    """Bytes of memory this process has in use; proc_pid_statm(5)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


async def _work(master: int, order: int, line: int, beat: int, sockets: Sequence[int]) -> None:
    loaded = borrowed(order).loaded()
    lent = [socket.socket(fileno=number) for number in sockets]
    tie = Tie(master, line, beat, loaded.config.server)
    tie.show()

    def started(server: Server, _: str) -> None:
        _log.info("serves %d plugins", sum(plugin.bound is not None for plugin in server.plugins))

    await serve(loaded, lent, started, tie)


def main() -> None:
    """Serve until told to stop; the status is 0 only after a drain."""
    mask_crashes()
    faulthandler.enable()  # where it stood is told on standard error when the master aborts it
    master, _, order, line, beat, *sockets = (int(number) for number in sys.argv[1:])
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_work(master, order, line, beat, sockets))
    except ConfigError as error:
        _end(WRONG_CONFIG, map(str, error.problems))
    except PluginsFailed as error:
        _end(WRONG_CONFIG, failure_lines(error.plugins))
    except OSError as error:
        _end(1, [f"cannot start: {error}"])
    except asyncio.CancelledError:
        _end(1, ["stopped at once; calls were cut off"])


def _end(status: int, lines: "map[str] | list[str]") -> None:
    for line in lines:
        sys.stderr.write(f"{line}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
