"""Trying a configuration, and the code that is installed now, in a process of its own before anybody depends on it."""

import os
import subprocess
import sys
from time import monotonic

from pydantic import ValidationError

from pi_server.server.daemon.candidate import Answer, Question

LIMIT = 60.0
"""Seconds a trial may take."""


class Trial:
    """One trial; its child is reaped by whoever reaps all children."""

    def __init__(self, question: Question) -> None:
        asked, self._answered = os.memfd_create("pi-server-question"), os.memfd_create("pi-server-answer")
        try:
            os.pwrite(asked, question.model_dump_json().encode(), 0)
            command = [sys.executable, "-P", "-m", "pi_server.server.daemon.candidate"]
            self._process = subprocess.Popen(command, stdin=asked, stdout=self._answered, start_new_session=True)  # noqa: S603
        finally:
            os.close(asked)
        self.pid = self._process.pid
        self._begun = monotonic()

    def watch(self) -> None:
        """End it if it takes too long."""
        if monotonic() - self._begun > LIMIT:
            self._process.kill()

    def end(self, status: int) -> Answer:
        """What it answered before it ended with ``status``."""
        self._process.returncode = status
        told = os.pread(self._answered, os.fstat(self._answered).st_size, 0)
        os.close(self._answered)
        try:
            return Answer.model_validate_json(told.strip().rsplit(b"\n", 1)[-1])
        except ValidationError:
            slow = monotonic() - self._begun > LIMIT
            return Answer(problems=[f"no answer in {LIMIT:g} s" if slow else f"the trial ended with status {status}"])
