"""The life of one worker: bind, serve, drain, stop."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from pi_server.config import LoadedConfig, ServerSection
from pi_server.server.assembly import Server, assemble
from pi_server.server.control import answering
from pi_server.server.protocol import Runner
from pi_server.server.questions import questions

STOPPING = (signal.SIGTERM, signal.SIGINT)
LINGERING = 2.0
"""Seconds the rest of a refused body is read, so that its consumer sees the answer before the connection closes."""

LAST_RESORT = 4.0
"""Seconds a process may go on after a second signal, whatever its plugins hold on to."""

_log = logging.getLogger("pi_server.server")


async def serve(loaded: LoadedConfig, started: Callable[[Server, str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what runs; a second signal stops at once.

    ``started`` is told the server and its address once it accepts connections.

    Raises:
        OSError: the address cannot be bound.
        ConfigError, PluginsFailed: as `assemble`.
    """
    stop = asyncio.Event()
    _on_signals(stop)
    server = await assemble(loaded)
    try:
        answers = answering(loaded.config.server.data_dir, questions(server.standings))
        async with answers, listening(server, loaded.config.server) as address:
            started(server, address)
            await stop.wait()
        _log.info("stopped")
    except asyncio.CancelledError:
        await _cut_off()
        raise
    finally:
        await server.close()


async def _cut_off() -> None:
    """Cancel whatever still runs and let it close its records, before the logs are closed."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=LINGERING)


@asynccontextmanager
async def listening(server: Server, settings: ServerSection) -> AsyncGenerator[str]:
    """Accept connections at the address yielded; on leaving, accept no more and finish what runs.

    Raises:
        OSError: the address cannot be bound.
    """
    runner = Runner(
        server.application,
        server.outer,
        server.turn,
        access_log=None,
        auto_decompress=False,
        handle_signals=False,
        keepalive_timeout=settings.keepalive,
        lingering_time=LINGERING,
        shutdown_timeout=settings.drain,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
        yield _address(runner)
        _log.info("draining: no new connections, %d open", len(runner.server.connections) if runner.server else 0)
    finally:
        await runner.cleanup()


def _on_signals(stop: asyncio.Event) -> None:
    """First signal: stop gracefully; second: cancel whatever is still running, and end even if that is ignored."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def signalled() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
            _end_by_force()
        stop.set()

    for number in STOPPING:
        with suppress(NotImplementedError):  # an event loop without signals still serves
            loop.add_signal_handler(number, signalled)


def _end_by_force() -> None:
    """End the process in a moment, from a thread: the loop, or its end, may be what a plugin holds up."""
    timer = threading.Timer(LAST_RESORT, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _address(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
