"""What each signal means to a process that serves.

=========== =========================================================================================================
TERM, INT   drain: not ready, accept no more, tell every consumer to close, finish what runs, exit 0; again: at once
QUIT        write down what every task is doing, and stop at once
HUP         to a master: check configuration and code, and replace all workers; one process alone cannot
USR1        open the logs again, after a rotation
USR2        write a report on the state of this process beside the logs
=========== =========================================================================================================

A master passes USR1, USR2, TERM and QUIT on to its workers (`pi_server.server.daemon.master`).
"""

import asyncio
import signal
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress

STOP = (signal.SIGTERM, signal.SIGINT)
STOP_FAST = signal.SIGQUIT
RELOAD = signal.SIGHUP
REOPEN = signal.SIGUSR1
REPORT = signal.SIGUSR2

ALL = (*STOP, STOP_FAST, RELOAD, REOPEN, REPORT)


def shut_out() -> None:
    """Ignore what must not end a process that cannot heed it yet, and the pipe that breaks (PIPE)."""
    for number in (RELOAD, REOPEN, REPORT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def heeding(actions: Mapping[signal.Signals, Callable[[], None]]) -> Generator[None]:
    """Within the block, and a running loop, a signal does what ``actions`` say."""
    loop = asyncio.get_running_loop()
    for number, action in actions.items():
        with suppress(NotImplementedError):  # an event loop without signals still serves
            loop.add_signal_handler(number, action)
    try:
        yield
    finally:
        for number in actions:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
