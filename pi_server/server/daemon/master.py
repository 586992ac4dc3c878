"""The master: owns the sockets, keeps as many workers as it was told to, and replaces them without losing a request.

gunicorn's arbiter supervises: it takes signals one at a time, forks, and ends workers whose beat stops.  What is added
here: a worker is a fresh interpreter; a reload is tried in a process of its own first, and the old workers stop only
once all new ones serve; a worker that ends over and over is started ever more slowly.
"""

import logging
import os
import signal
from collections.abc import Callable
from math import ceil
from time import monotonic, time
from typing import Any, ClassVar, NoReturn

from gunicorn import systemd
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from pi_server.config import ConfigError, LoadedConfig, ServerSection
from pi_server.server import signals
from pi_server.server.daemon.candidate import Answer, Question
from pi_server.server.daemon.instance import Instance
from pi_server.server.daemon.order import Order
from pi_server.server.daemon.staff import Alarm, Slot, Worker
from pi_server.server.daemon.trial import Trial
from pi_server.server.listeners import bound, let_go, shown
from pi_server.server.metrics.kept import forget, metrics_folder
from pi_server.version import VERSION

_SOON, _LATER = 0.05, 1.0
"""Seconds until the next look, while something is under way and otherwise."""

_MARGIN = 15.0
"""Seconds beyond draining until a worker that does not end is killed: lifespans may take some of it."""

_FAST = 6.0
"""Seconds workers have to end once somebody does not want to wait."""

_log = logging.getLogger("pi_server.master")


class Master(Arbiter):
    """One server of several processes; `run` ends the program."""

    LISTENERS: ClassVar[list[Any]] = []  # sockets, where the arbiter has wrappers of its own
    WORKERS: ClassVar[dict[int, Any]] = {}

    def __init__(
        self,
        loaded: LoadedConfig,
        overrides: dict[str, str],
        instance: Instance,
        started: Callable[[str, int], None],
    ) -> None:
        """Bind what ``loaded`` says; ``started`` is told the address and the number of workers once all serve.

        Raises:
            OSError: an address cannot be bound.
        """
        self._settings = loaded.config.server
        super().__init__(_Application(self._settings))
        forget(metrics_folder(self._settings.data_dir))
        self.LISTENERS[:] = bound(self._settings)
        self._instance = instance
        self._question = Question.model_validate({"config": loaded.path.absolute(), "overrides": overrides})
        self._order = Order.of(loaded)
        self._generation = 0
        self._slots: dict[int, Slot] = {}
        self._alarm = Alarm()
        self._trial: Trial | None = None
        self._again = False
        self._before: tuple[Order, ServerSection] | None = None
        self._reloads: dict[str, Any] = {"number": 0}
        self._begun = time()
        self._ready = False
        self._started = started

    # The arbiter calls these.

    def start(self) -> None:
        """Begin to heed signals."""
        self.pid = os.getpid()
        self.timeout = ceil(self._settings.stall)
        self.init_signals()
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        _log.info("master of %d workers, on %s", self.num_workers, self.address_shown)

    def manage_workers(self) -> None:
        """Take one step towards as many workers as there should be, all of the newest kind."""
        for worker in self._staff():
            self._hear(worker)
        if self._trial:
            self._trial.watch()
        for number in range(1, self.num_workers + 1):
            self._fill(number)
        for worker in self._superfluous():
            self._dismiss(worker)
        if not self._ready and self._all_serve():
            self._ready = True
            self._started(self.address_shown, self.num_workers)
            self._notify(f"READY=1\nSTATUS=serves {self.address_shown}")
        self._settle()
        self._publish()

    def wait_for_signals(self, timeout: float | None = _LATER) -> list[int]:
        """Look more often while something is under way."""
        busy = self._before or any(worker.status != "serving" for worker in self._staff())
        return super().wait_for_signals(_SOON if busy else timeout)

    def reap_workers(self) -> None:
        """Take note of every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if self._trial and pid == self._trial.pid:
                trial, self._trial = self._trial, None
                self._judge(trial.end(status))
            elif worker := self.WORKERS.pop(pid, None):
                worker.close()
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def stop(self, graceful: bool = True) -> None:
        """Let the workers drain; a second signal, or a limit, ends them sooner."""
        self._notify("STOPPING=1")
        path = self._settings.unix
        for listener in self.LISTENERS:
            listener.close()
        self.LISTENERS.clear()
        for worker in self._staff():
            worker.status = "stopping"
        self._publish()
        self.kill_workers(signal.SIGTERM if graceful else signals.STOP_FAST)
        limit = monotonic() + (self._patience() if graceful else _FAST)
        while self.WORKERS and monotonic() < limit:
            if {*signals.STOP, signals.STOP_FAST}.intersection(super().wait_for_signals(_SOON)):
                self.kill_workers(signals.STOP_FAST)
                limit = min(limit, monotonic() + _FAST)
            self.reap_workers()
        self.kill_workers(signal.SIGKILL)
        self.reap_workers()
        if path:
            path.unlink(missing_ok=True)
        self._instance.leave()
        _log.info("stopped")

    # Signals, by the arbiter's names; TTIN and TTOU are its own.

    def handle_int(self) -> None:
        """Stop, as TERM does."""
        self.handle_term()

    def handle_hup(self) -> None:
        """Try what lies there now, and serve it if it can be served."""
        if self._trial or self._before:
            self._again = True
            return
        _log.info("reload: trying the configuration and the code")
        self._trial = Trial(self._question)

    def handle_usr1(self) -> None:
        """Have all logs opened again."""
        self.kill_workers(signals.REOPEN)

    def handle_usr2(self) -> None:
        """Have every worker write its report."""
        self.kill_workers(signals.REPORT)

    def handle_winch(self) -> None:
        """Nothing: a terminal changed its size."""

    # Workers come and go.

    @property
    def address_shown(self) -> str:
        """Where consumers reach this server."""
        return shown(self.LISTENERS[0], secure=self._settings.tls is not None)

    def _fill(self, number: int) -> None:
        """Have a worker in this place, or one that will be."""
        slot = self._slots.setdefault(number, Slot())
        there = [worker for worker in self._current() if worker.slot == number]
        if slot.open and not any(worker.status in ("starting", "serving") for worker in there):
            self._spawn(number)

    def _spawn(self, number: int) -> None:
        self.worker_age += 1
        order = self._order.lent()
        sockets = [listener.fileno() for listener in self.LISTENERS]
        worker = Worker(self.worker_age, number, self._generation, order, sockets)
        pid = os.fork()
        if not pid:
            try:
                worker.init_process()
            finally:
                os._exit(1)
        os.close(order)
        worker.started(pid)
        self.WORKERS[pid] = worker

    def _hear(self, worker: Worker) -> None:
        for letter in worker.hear():
            if letter == ord("S") and worker.status == "starting":
                worker.status = "serving"
                _log.info("worker %d serves: pid %d", worker.slot, worker.pid)
            elif letter == ord("L") and worker.status == "serving":
                worker.status = "leaving"

    def _ended(self, worker: Worker, status: int) -> None:
        if worker.status == "stopping":
            return
        told = signal.Signals(-status).name if status < 0 else f"status {status}"
        _log.error("worker %d ended with %s: pid %d", worker.slot, told, worker.pid)
        if self._before and worker.status == "starting" and worker.generation == self._generation:
            self._take_back(f"a new worker ended with {told} before it served")
            return
        if not self._ready:
            raise HaltServer("a worker could not start", status if status > 0 else 1)
        self._alarm.ended()
        pause = self._slots[worker.slot].ended(worker)
        if pause:
            _log.error("worker %d ends over and over: the next one starts in %g s", worker.slot, pause)

    def _staff(self) -> list[Worker]:
        return list(self.WORKERS.values())

    def _current(self) -> list[Worker]:
        """The workers of the newest kind that are not on their way out."""
        return [one for one in self._staff() if one.generation == self._generation and one.status != "stopping"]

    def _all_serve(self) -> bool:
        serving = {worker.slot for worker in self._current() if worker.status in ("serving", "leaving")}
        return serving >= set(range(1, self.num_workers + 1))

    def _superfluous(self) -> list[Worker]:
        """Workers whose place is taken by another that serves, or that have no place."""
        current = self._current()
        serving = {worker.slot for worker in current if worker.status == "serving"}
        relieved = [one for one in current if one.status == "leaving" and one.slot in serving]
        gone = [*relieved, *(one for one in current if one.slot > self.num_workers)]
        if self._all_serve():
            gone += [one for one in self._staff() if one.generation != self._generation and one.status != "stopping"]
        return gone

    def _dismiss(self, worker: Worker) -> None:
        worker.status = "stopping"
        self.kill_worker(worker.pid, signal.SIGTERM)

    # A reload.

    def _judge(self, answer: Answer) -> None:
        """Start workers of the new kind, or tell why not."""
        for failure in answer.failures:
            _log.error("reload: plugin %s", failure)
        if answer.given is None:
            self._told(answer.problems)
            return
        order = Order(self._question.config, answer.given.get_secret_value())
        try:
            settings = order.loaded().config.server
            self._listen(settings)
        except (ConfigError, OSError) as error:
            self._told([f"reload: {error}"])
            return
        self._before = self._order, self._settings
        self._order, self._settings = order, settings
        self._generation += 1
        self.num_workers = settings.workers or 1
        self.timeout = ceil(settings.stall)
        _log.info("reload: starting %d new workers", self.num_workers)

    def _listen(self, settings: ServerSection) -> None:
        """Take new sockets where the address has changed; the old ones stay with the old workers."""
        now, then = self._settings, settings
        if (now.host, now.port, now.unix) == (then.host, then.port, then.unix):
            return
        fresh = bound(settings)
        let_go(self.LISTENERS)
        self.LISTENERS[:] = fresh

    def _settle(self) -> None:
        """End a reload once all new workers serve."""
        if self._before and self._all_serve():
            self._before = None
            self._told([])
        if self._again and not self._trial and not self._before:
            self._again = False
            self.handle_hup()

    def _take_back(self, reason: str) -> None:
        """Go on with the old configuration: its workers still serve."""
        if self._before is None:
            return
        new = self._current()
        (self._order, self._settings), self._before = self._before, None
        self._generation -= 1
        self.num_workers = self._settings.workers or 1
        for worker in new:
            self._dismiss(worker)
        self._told([reason])

    def _told(self, problems: list[str]) -> None:
        for problem in problems:
            _log.error("reload refused, the old configuration stays: %s", problem)
        if not problems:
            _log.info("reload: done, all workers are new")
        number = self._reloads["number"] + 1
        self._reloads = {"number": number, "at": time(), "ok": not problems, "problems": problems}

    # What others see.

    def _notify(self, state: str) -> None:
        """Tell systemd, where it asked; sd_notify(3)."""
        if self.log:
            systemd.sd_notify(state, self.log)

    def _patience(self) -> float:
        return (self._settings.pre_stop_delay or 0) + self._settings.drain + _MARGIN

    def _publish(self) -> None:
        workers = [
            {"id": one.slot, "pid": one.pid, "status": one.status, "restarts": self._slots[one.slot].restarts}
            for one in sorted(self._staff(), key=lambda worker: (worker.slot, worker.age))
        ]
        self._instance.tell(
            {
                "pid": self.pid,
                "version": VERSION,
                "address": self.address_shown if self.LISTENERS else "",
                "started": self._begun,
                "ready": self._ready,
                "alarm": self._alarm.raised,
                "reload": self._reloads,
                "workers": workers,
            }
        )


class _Application(BaseApplication):
    """What the arbiter wants to know; its own settings are no part of ours."""

    def __init__(self, settings: ServerSection) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Tell the arbiter what it has to do itself."""
        self.cfg.set("workers", self._settings.workers or 1)
        self.cfg.set("control_socket_disable", True)
        self.cfg.set("logger_class", _Log)

    def load(self) -> NoReturn:
        """Never called: workers load everything themselves."""
        raise NotImplementedError


class _Log:
    """The arbiter's log, among ours."""

    def __init__(self, cfg: Any) -> None:
        self.cfg = cfg
        own = logging.getLogger("pi_server.arbiter")
        self.debug, self.info, self.warning = own.debug, own.debug, own.warning  # what it does is told by `Master`
        self.error, self.critical, self.exception = own.error, own.critical, own.exception

    def setup(self, cfg: Any) -> None:
        """Keep the settings."""
        self.cfg = cfg

    def reopen_files(self) -> None:
        """Nothing: the error log sees by itself when it was rotated."""

    def close_on_exec(self) -> None:
        """Nothing: no descriptor of ours outlives an exec."""
