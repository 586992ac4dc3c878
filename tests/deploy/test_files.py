"""What is shipped for deployment, each by its own checker."""

from __future__ import annotations

import re
from pathlib import Path

from tests.deploy.checkers import BIN, DEPLOY, checked
from tests.docs.pages import ROOT


def test_the_image_is_built_as_hadolint_wants_it() -> None:
    """No warning, and none is switched off."""
    assert checked(BIN / "hadolint", ROOT / "Dockerfile") == ""
    assert "hadolint ignore" not in (ROOT / "Dockerfile").read_text()


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """But for the program, which is not installed where it is looked for."""
    for name in ("pi-server.service", "pi-server.socket"):
        text = (DEPLOY / "systemd" / name).read_text()
        (tmp_path / name).write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    said = checked("systemd-analyze", "verify", tmp_path / "pi-server.service", tmp_path / "pi-server.socket")
    assert "pi-server" not in said


def test_systemd_waits_longer_than_the_server() -> None:
    """`TimeoutStopSec` against the default of `server.drain`."""
    text = (DEPLOY / "systemd/pi-server.service").read_text()
    (seconds,) = re.findall(r"TimeoutStopSec=(\d+)", text)
    assert int(seconds) >= 30 + 15
