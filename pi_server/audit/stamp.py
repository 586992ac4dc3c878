"""Times of log lines, formatted once a second."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

Clock = Callable[[], float]
"""Seconds since the epoch."""

_SLACK = 0.0005  # milliseconds: a float of this century may lie that far below what it was meant to be


def zone(name: str) -> tzinfo | None:
    """The time zone ``local``, ``UTC`` or of an IANA name; None is the local one, ZoneInfoNotFoundError an unknown."""
    return {"local": None, "utc": UTC}[name.lower()] if name.lower() in ("local", "utc") else ZoneInfo(name)


def api_form(at: datetime) -> str:
    """``2026-11-21 01:48:10,{ms}``."""
    return at.strftime("%Y-%m-%d %H:%M:%S,{ms}")


def access_form(at: datetime) -> str:
    """``2026/11/21 - 01:48:10``."""
    return at.strftime("%Y/%m/%d - %H:%M:%S")


def rfc3339_form(at: datetime) -> str:
    """``2026-11-21T01:48:10.{ms}+03:30``."""
    whole = at.isoformat(timespec="seconds")
    return f"{whole[:19]}.{{ms}}{whole[19:]}"


class Stamp:
    """Tells the time in one form; ``{ms}`` in it stands for the milliseconds."""

    def __init__(self, form: Callable[[datetime], str], timezone: str = "local", clock: Clock = time.time) -> None:
        """Format times of ``timezone`` (``local``, ``UTC`` or an IANA name) by ``form``."""
        self._form = form
        self._zone = zone(timezone)
        self._clock = clock
        self._cached = (-1, "", "", "")  # one tuple, so that threads never mix two seconds

    def __call__(self) -> str:
        """The time now."""
        ms = int(self._clock() * 1000 + _SLACK)
        second, before, mark, after = self._cached
        since = ms - second * 1000
        if not 0 <= since < 1000:
            second, since = divmod(ms, 1000)
            text = self._form(datetime.fromtimestamp(second, UTC).astimezone(self._zone))
            before, mark, after = text.partition("{ms}")
            self._cached = (second, before, mark, after)
        return f"{before}{since:03d}{after}" if mark else before
