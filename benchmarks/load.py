"""Load from wrk, and what it cost the server."""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from benchmarks.processes import OTHER_CORE, cpu_seconds, pinned

CONNECTIONS = 8

FASTEST = 20_000
"""Tokens made for each second of a run, more than anybody takes: a run that needs more fails."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


_ONE_EACH = """
local tokens, sent = {{}}, 0
function init() for token in io.lines('{file}') do tokens[#tokens + 1] = token end end
function request()
  sent = sent + 1
  wrk.headers["Authorization"] = "Bearer " .. (tokens[sent] or "there are no more")
  return wrk.format()
end
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What wrk sends, again and again.

    ``late`` gives further headers right before a run, for those that age.  ``tokens`` makes that many bearer tokens
    when asked, of which each request takes one that none has had before.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: str = ""
    late: Callable[[], Mapping[str, str]] = lambda: _NOTHING
    tokens: Callable[[int], Iterable[str]] | None = None

    def script(self, folder: Path, seconds: float) -> Path:
        """The same as wrk's Lua, in ``folder``."""
        lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in {**self.headers, **self.late()}.items()]
        lines += [f"wrk.method, wrk.body = 'POST', '{self.body}'"] if self.body else []
        if self.tokens is not None:
            file = folder / "tokens"
            file.write_text("\n".join(self.tokens(round(FASTEST * seconds))))
            lines.append(_ONE_EACH.format(file=file))
        script = folder / "request.lua"
        script.write_text("\n".join(lines))
        return script


@dataclass(frozen=True, slots=True)
class Figure:
    """One run: answers per second, processor time of the server for each in microseconds, and how many there were."""

    rate: float
    cpu: float
    count: int


class WrongAnswersError(RuntimeError):
    """Raised when anything but 2xx came back: such a run measures nothing."""


def drive(request: Request, server: int, seconds: float, workers: Sequence[int] = ()) -> Figure:
    """Load the server with process id ``server``, and those of its ``workers``, for ``seconds``.

    Raises:
        WrongAnswersError: an answer was not 2xx, or a connection failed.
    """
    seconds = max(1, round(seconds))  # wrk counts whole ones
    with tempfile.TemporaryDirectory() as folder:
        script = request.script(Path(folder), seconds)
        before = sum(map(cpu_seconds, (server, *workers)))
        said = _wrk(request.url, script, seconds)
    used = sum(map(cpu_seconds, (server, *workers))) - before
    count, rate = int(_found(r"(\d+) requests in", said)), float(_found(r"Requests/sec:\s+([\d.]+)", said))
    if "Non-2xx" in said or "Socket errors" in said or not count:
        raise WrongAnswersError(f"{request.url}: {said}")
    return Figure(rate, used / count * 1e6, count)


def _wrk(url: str, script: Path, seconds: float) -> str:
    command = pinned(OTHER_CORE, ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url])
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30).stdout


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise WrongAnswersError(f"wrk said something else: {text}")
    return match[1]
