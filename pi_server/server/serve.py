"""The life of a process that serves: take the sockets, serve, drain, stop."""

import asyncio
import logging
import os
import resource
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from signal import Signals

from aiohttp import web

from pi_server.config import LoadedConfig, ServerSection, placing
from pi_server.config.log_sections import LogsSection
from pi_server.server import signals
from pi_server.server.assembly import Server, assemble
from pi_server.server.connections.encrypted import EncryptedSite
from pi_server.server.connections.protocol import Runner
from pi_server.server.consumer_tls import consumer_tls
from pi_server.server.control.channel import Verb, answering
from pi_server.server.control.questions import questions
from pi_server.server.control.report import tell_tasks, write_report
from pi_server.server.control.services_questions import OperatorsLog, services_questions
from pi_server.server.control.unforeseen_questions import unforeseen_questions
from pi_server.server.listeners import shown
from pi_server.server.memory import settle
from pi_server.server.metrics.kept import forget, metrics_folder
from pi_server.server.metrics.site import Metrics, telling

LINGERING = 2.0
"""Seconds the rest of a refused body is read, so that its consumer sees the answer before the connection closes."""

LAST_RESORT = 4.0
"""Seconds a process may go on after a second signal, whatever its plugins hold on to."""

GIVEN_UP = 70
"""Status of a worker whose loop was held up for too long; EX_SOFTWARE of sysexits.h."""

Started = Callable[[Server, str], None]
"""Is told the server and its address once it accepts connections."""

Beside = Callable[[Server, Runner, Callable[[], None]], AbstractAsyncContextManager[None]]
"""What goes on beside serving: it is given the server, its runner, and how to stop."""

_log = logging.getLogger("pi_server.server")


async def serve(
    loaded: LoadedConfig, sockets: list[socket.socket], started: Started, beside: Beside | None = None
) -> None:
    """Serve on ``sockets``, which stay their owner's, until told to stop; `pi_server.server.signals` tells how.

    Raises:
        ConfigError, PluginsFailed: as `assemble`.
        asyncio.CancelledError: it was told to stop at once.
    """
    _take_all_files()
    settings = loaded.config.server
    life = _Life(loaded.config.logs.dir)
    server: Server | None = None
    async with AsyncExitStack() as opened:
        opened.enter_context(placing(loaded.origins))
        opened.enter_context(signals.heeding(life.actions(lambda: server)))
        tls = consumer_tls(settings)
        server = await assemble(loaded)
        opened.push_async_callback(server.close)
        metrics = _metrics(server, settings, alone=beside is None)
        try:
            async with (
                answering(settings.data_dir, {**_verbs(server, loaded.config.logs), **metrics.verbs}),
                telling(metrics, loaded.config.metrics),
                listening(server, settings, sockets, tls) as runner,
            ):
                if beside:
                    server.guard.watch.on_stall = _give_up
                    await opened.enter_async_context(beside(server, runner, life.stop))
                settle()
                started(server, shown(sockets[0], secure=tls is not None))
                await life.stopped.wait()
                server.readiness.not_ready("draining", "this server is about to stop")
                await _look_elsewhere(settings)
            _log.info("stopped")
        except asyncio.CancelledError:
            await _cut_off()
            raise


def _take_all_files() -> None:
    """Let this process have as many files open as it may: each connection is one, and 1,024 are soon taken."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # "as many as you like" may be more than the system has
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _metrics(server: Server, settings: ServerSection, *, alone: bool) -> Metrics:
    """The figures of this process; below a master, it is the master that begins to count anew."""
    if alone:
        forget(metrics_folder(settings.data_dir))
    return Metrics(server, settings.data_dir)


def _verbs(server: Server, logs: LogsSection) -> Mapping[str, Verb]:
    """What this process can be asked."""
    operators = OperatorsLog(server.logs.operators(), logs.timezone)
    return {
        **questions(server.standings),
        **unforeseen_questions(server.unforeseen),
        **services_questions(server.services, operators),
    }


async def _look_elsewhere(settings: ServerSection) -> None:
    """Leave whoever balances the load the time to see that this server is not ready."""
    if settings.pre_stop_delay:
        _log.info("stopping in %g s: no longer ready", settings.pre_stop_delay)
        await asyncio.sleep(settings.pre_stop_delay)


async def _cut_off() -> None:
    """Cancel whatever still runs and let it close its records, before the logs are closed."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=LINGERING)


@asynccontextmanager
async def listening(
    server: Server, settings: ServerSection, sockets: list[socket.socket], tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Runner]:
    """Accept connections on ``sockets``; on leaving, accept no more and finish what runs."""
    runner = Runner(
        server.answer,
        server.outer,
        server.turn,
        server.connections,
        body_limit=settings.body_limit,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=settings.keepalive,
        lingering_time=LINGERING,
    )
    await runner.setup()
    try:
        for one in sockets:
            mine = one.dup()  # closing a site closes its socket
            await (EncryptedSite(runner, mine, tls) if tls else web.SockSite(runner, mine)).start()
        yield runner
        _log.info("draining: no new connections, %d open", runner.connections)
        await runner.drain(settings.linger, settings.drain)
    finally:
        await runner.cleanup()


class _Life:
    """How the main task of a process is told to stop, and what else signals ask of it."""

    def __init__(self, reports: Path) -> None:
        self.stopped = asyncio.Event()
        self._reports = reports
        self._task = asyncio.current_task()

    def actions(self, server: Callable[[], Server | None]) -> dict[Signals, Callable[[], None]]:
        """What to do at each signal."""

        def reopen() -> None:
            if (known := server()) is not None:
                known.logs.reopen()

        def told() -> None:
            if (known := server()) is not None:
                write_report(known, self._reports)

        return {
            **dict.fromkeys(signals.STOP, self.stop),
            signals.STOP_FAST: self.stop_fast,
            signals.RELOAD: _not_alone,
            signals.REOPEN: reopen,
            signals.REPORT: told,
        }

    def stop(self) -> None:
        """Stop gracefully; asked again, at once."""
        if self.stopped.is_set():
            self._at_once()
        self.stopped.set()

    def stop_fast(self) -> None:
        """Tell what runs, and stop at once."""
        tell_tasks()
        self._at_once()

    def _at_once(self) -> None:
        if self._task is not None:
            self._task.cancel()
        _end_by_force()


def _give_up() -> None:
    """End the process at once, for its master to replace; without a core file, which would hold secrets."""
    os._exit(GIVEN_UP)


def _not_alone() -> None:
    _log.warning("one process alone cannot reload: start it with --workers 1 or more, or restart it")


def _end_by_force() -> None:
    """End the process in a moment, from a thread: the loop, or its end, may be what a plugin holds up."""
    timer = threading.Timer(LAST_RESORT, os._exit, (1,))
    timer.daemon = True
    timer.start()
