"""Load from wrk, and what it cost the server."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from benchmarks.processes import OTHER_CORE, cpu_seconds, pinned

CONNECTIONS = 8

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Request:
    """What wrk sends, again and again."""

    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: str = ""

    def script(self) -> str:
        """The same as wrk's Lua."""
        lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in self.headers.items()]
        return "\n".join([*lines, *([f"wrk.method, wrk.body = 'POST', '{self.body}'"] if self.body else [])])


@dataclass(frozen=True, slots=True)
class Figure:
    """One run: answers per second, and processor time of the server for each, in microseconds."""

    rate: float
    cpu: float


class WrongAnswersError(RuntimeError):
    """Raised when anything but 2xx came back: such a run measures nothing."""


def drive(request: Request, server: int, seconds: float) -> Figure:
    """Load the server with process id ``server`` for ``seconds``.

    Raises:
        WrongAnswersError: an answer was not 2xx, or a connection failed.
    """
    before = cpu_seconds(server)
    said = _wrk(request, seconds)
    used = cpu_seconds(server) - before
    count, rate = int(_found(r"(\d+) requests in", said)), float(_found(r"Requests/sec:\s+([\d.]+)", said))
    if "Non-2xx" in said or "Socket errors" in said or not count:
        raise WrongAnswersError(f"{request.url}: {said}")
    return Figure(rate, used / count * 1e6)


def _wrk(request: Request, seconds: float) -> str:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "request.lua"
        script.write_text(request.script())
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(script)]
        command = pinned(OTHER_CORE, ["wrk", *options, request.url])
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30).stdout


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise WrongAnswersError(f"wrk said something else: {text}")
    return match[1]
