"""How a sandbox is to behave, in the one spelling that the configuration and the consumers' header share."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, get_args

from pi_server.config.units import seconds
from pi_server.domain.play import Misdeed, Mode, Play

_MODES: Final[Mapping[str, Mode]] = {mode: mode for mode in get_args(Mode)}
_ALONE: Final[Mapping[str, Misdeed]] = {
    "timeout": "timeout",
    "half-body": "half-body",
    "wrong-type": "wrong-type",
    "reset": "reset",
}
_CODE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_STATUS: Final = re.compile(r"[2-5]\d\d")
_FORMS: Final = (
    "must be live, mock, record or replay, and may add one of delay=2s, timeout, fault=CODE, half-body, wrong-type, "
    "status=503 and reset after a comma"
)


def play_of(text: str) -> Play:
    """What ``mock``, ``status=503`` or ``replay, delay=2s`` mean; without a mode, the provider itself is asked.

    Raises:
        ValueError: it is none of these.
    """
    words = [word.strip() for word in text.split(",")]
    play = Play(_MODES[words[0]]) if words[0] in _MODES else Play()
    misdeeds = words[1:] if words[0] in _MODES else words
    if len(misdeeds) > 1:
        raise ValueError(_FORMS)
    return _misdeed(play, misdeeds[0]) if misdeeds else play


def _misdeed(play: Play, word: str) -> Play:
    name, _, value = word.partition("=")
    if word in _ALONE:
        return replace(play, misdeed=_ALONE[word])
    if name == "delay" and value:
        return replace(play, misdeed="delay", seconds=seconds(value))
    if name == "fault" and _CODE.fullmatch(value):
        return replace(play, misdeed="fault", code=value)
    if name == "status" and _STATUS.fullmatch(value):
        return replace(play, misdeed="status", status=int(value))
    raise ValueError(_FORMS)
