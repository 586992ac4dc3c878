"""How a sandbox is told what to do."""

import pytest

from pi_server.config.plays import play_of
from pi_server.domain.play import Play


@pytest.mark.parametrize(
    ("text", "play", "label"),
    [
        ("live", Play(), ""),
        ("record", Play("record"), ""),
        ("mock", Play("mock"), "mock:"),
        ("replay", Play("replay"), "replay:"),
        ("timeout", Play(misdeed="timeout"), "fault:"),
        ("delay=2s", Play(misdeed="delay", seconds=2), "fault:"),
        ("replay, delay=50ms", Play("replay", "delay", seconds=0.05), "fault:"),
        ("fault=A.b", Play(misdeed="fault", code="A.b"), "fault:"),
        ("status=503", Play(misdeed="status", status=503), "fault:"),
    ],
)
def test_what_can_be_asked(text: str, play: Play, label: str) -> None:
    """Who answers, how it fails, and what logs show of it."""
    assert play_of(text) == play
    assert play.label == label


@pytest.mark.parametrize(
    "text", ["", "moc", "fault", "delay", "delay=", "delay=-1s", "status=99", "fault=a b", "a,b,c"]
)
def test_what_cannot_be_asked(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="must be"):
        play_of(text)
