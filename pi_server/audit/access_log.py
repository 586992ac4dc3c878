"""One line for each served request."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from pi_server.audit.mask import Mask
from pi_server.audit.one_line import escaped, one_line, quoted
from pi_server.audit.stamp import Clock, Stamp, access_form, rfc3339_form
from pi_server.domain.ports import Access

_RESET = "\x1b[0m"
_STATUS_COLOURS = {2: "\x1b[97;42m", 3: "\x1b[90;47m", 4: "\x1b[90;43m"}
_RED = "\x1b[97;41m"
_VERB_COLOURS = {
    "GET": "\x1b[97;44m",
    "POST": "\x1b[97;46m",
    "PUT": "\x1b[90;43m",
    "DELETE": _RED,
    "PATCH": "\x1b[97;42m",
    "HEAD": "\x1b[97;45m",
    "OPTIONS": "\x1b[90;47m",
}


def wants_colour(fd: int, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether lines written to ``fd`` are read on a terminal whose owner has not declined colours."""
    return os.isatty(fd) and environ.get("TERM") != "dumb" and not environ.get("NO_COLOR")


def latency(seconds: float) -> str:
    """``0.123ms``, ``1.234s``; above a minute whole seconds: ``1m5s``, ``1h0m2s``."""
    if seconds < 1:
        return f"{seconds * 1000:.3f}ms"
    if seconds < 60:
        return f"{seconds:.3f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"


@lru_cache(64)
def _status(status: int, colour: bool) -> str:
    text = f" {status:3d} "
    return f"{_STATUS_COLOURS.get(status // 100, _RED)}{text}{_RESET}" if colour else text


@lru_cache(64)
def _verb(verb: str, colour: bool) -> str:
    text = f" {one_line(verb):<7} "
    return f"{_VERB_COLOURS.get(verb, '')}{text}{_RESET}" if colour else text


class AccessLines:
    """The access log: a line of text for each request, in the order of Nightingale (n9e), or the same as JSON."""

    def __init__(
        self,
        put: Callable[[bytes], None],
        *,
        mask: Mask | None = None,
        timezone: str = "local",
        clock: Clock = time.time,
        json: bool = False,
        colour: bool = False,
        skip: Iterable[str] = (),
    ) -> None:
        """Hand lines to ``put``; requests for a path in ``skip`` (compared without the query) leave none."""
        self._put = put
        self._stamp = Stamp(rfc3339_form if json else access_form, timezone, clock)
        self._mask = mask or Mask()
        self._form = self._json if json else self._text
        self._colour = colour
        self._skip = frozenset(skip)

    def record(self, access: Access) -> None:
        """Tell one request."""
        if access.target.partition("?")[0] not in self._skip:
            self._put(self._form(access).encode())

    def _text(self, a: Access) -> str:
        status, verb = _status(a.status, self._colour), _verb(a.verb, self._colour)
        error = f" | {self._mask.payload(a.error)}" if a.error else ""
        rest = one_line(f"{self._mask.query(a.target)} | {a.correlation_id} | {a.consumer or '-'}{error}")
        source = one_line(a.source)
        return f"[PI] {self._stamp()} |{status}| {latency(a.seconds):>9} | {source:>15} |{verb}{rest}\n"

    def _json(self, a: Access) -> str:
        error = f', "error": {quoted(self._mask.payload(a.error))}' if a.error else ""
        return escaped(
            f'{{"time": "{self._stamp()}", "status": {a.status}, "seconds": {a.seconds:.6f}, '
            f'"source": {quoted(a.source)}, "verb": {quoted(a.verb)}, "target": {quoted(self._mask.query(a.target))}, '
            f'"correlationId": {quoted(a.correlation_id)}, "consumer": {quoted(a.consumer)}{error}}}\n'
        )
