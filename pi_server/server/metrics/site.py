"""The address where figures are told: every worker listens there, and the one that is asked answers for all."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from aiohttp import web

from pi_server.config.metrics_section import MetricsSection
from pi_server.server.assembly import Server
from pi_server.server.control.channel import RefusedError, Verb, Worker, workers
from pi_server.server.metrics.families import Figures, Joined, join
from pi_server.server.metrics.figures import figures_of
from pi_server.server.metrics.kept import keep, left_behind, metrics_folder

KEEP_EVERY = 5
"""Seconds of counting that a worker which is killed takes with it at most."""

PATIENCE = 2.0
"""Seconds another worker has to answer; then what it last kept counts."""

_REMEMBERED = 15  # seconds that a late event loop is told of

_log = logging.getLogger("pi_server.metrics")


class Metrics:
    """The figures of one worker, and the way to those of all."""

    def __init__(self, server: Server, data_dir: Path) -> None:
        """Read from ``server``; the others are found in ``data_dir``."""
        self._server = server
        self._data_dir = data_dir
        self._folder = metrics_folder(data_dir)
        self._name = f"{os.getpid()}-{uuid4().hex[:8]}"
        self._lags: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def verbs(self) -> Mapping[str, Verb]:
        """What other workers ask this one."""

        async def tell(_: Mapping[str, Any]) -> Any:
            return {"name": self._name, "figures": self.figures()}

        return {"metrics": tell}

    def figures(self) -> Figures:
        """Those of this worker."""
        return figures_of(self._server, max(self._lags, default=0.0))

    async def everybody(self) -> Joined:
        """Those of all workers, also of those that have ended."""
        others = await asyncio.to_thread(lambda: list(workers(self._data_dir, PATIENCE)))
        told = await asyncio.gather(*(asyncio.to_thread(_ask, worker) for worker in others))
        answers = {self._name: self.figures(), **{one["name"]: one["figures"] for one in told if one}}
        ended = await asyncio.to_thread(left_behind, self._folder, set(answers))
        return join([*answers.values(), *ended])

    async def count(self) -> None:
        """See how late the event loop is, and keep what was counted, until cancelled."""
        ticks = 0
        while True:
            begun = monotonic()
            await asyncio.sleep(1)
            self._lags.append(max(0.0, monotonic() - begun - 1))
            ticks += 1
            if ticks % KEEP_EVERY == 0:
                await asyncio.to_thread(self.keep, self.figures())

    def keep(self, figures: Figures) -> None:
        """Write down what is to last; a full disk is no reason to stop."""
        try:
            keep(self._folder, self._name, figures)
        except OSError as error:
            _log.warning("what was counted cannot be kept: %s", error)


def _ask(worker: Worker) -> dict[str, Any] | None:
    """What another worker tells; nothing if it does not."""
    with suppress(OSError, RefusedError, ValueError):
        answer: dict[str, Any] = worker.ask("metrics")
        return answer
    return None


@asynccontextmanager
async def telling(metrics: Metrics, section: MetricsSection) -> AsyncGenerator[None]:
    """Tell figures at ``section``'s address until the block ends; where that is taken, the server still serves."""
    if section.port is None:
        yield
        return
    counting = asyncio.create_task(metrics.count())
    runner = web.AppRunner(_application(metrics), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await _listen(runner, section.host, section.port)
        yield
    finally:
        counting.cancel()
        await asyncio.wait({counting})
        await runner.cleanup()
        metrics.keep(metrics.figures())


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    """Share the address with the other workers: the system chooses which of them is asked."""
    try:
        await web.TCPSite(runner, host, port, reuse_port=True).start()
    except OSError as error:
        _log.error("figures cannot be told on %s:%s: %s", host, port, error)


def _application(metrics: Metrics) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        from pi_server.server.metrics.text import written  # a server that nobody asks need not load it

        joined = await metrics.everybody()
        body, kind = await asyncio.to_thread(written, joined, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": kind, "Server": "pi-server"})

    application = web.Application()
    application.router.add_get("/metrics", answer)
    return application
