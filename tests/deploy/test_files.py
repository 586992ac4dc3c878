"""What is shipped for deployment, each by its own checker."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.deploy.checkers import BIN, DEPLOY, checked
from tests.docs.pages import ROOT


def test_the_image_is_built_as_hadolint_wants_it() -> None:
    """No warning, and none is switched off."""
    assert checked(BIN / "hadolint", ROOT / "Dockerfile") == ""
    assert "hadolint ignore" not in (ROOT / "Dockerfile").read_text()


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """What ``pi-server startup`` writes for a configuration in a folder whose name is none too easy."""
    folder = tmp_path / "it's 100 % pi"
    folder.mkdir()
    (folder / "config.yaml").write_text("server: {drain: 40s, pre_stop_delay: 5s, unix: run/pi.sock}\n")
    written = tmp_path / "pi-server.service"
    config = folder / "config.yaml"
    checked(BIN / "pi-server", "startup", "--user", "nobody", "--config", config, "--output", written)
    return written


def test_systemd_takes_the_units(unit: Path) -> None:
    """What is written for an installation, and the socket that can stand beside it: no line is unknown or ignored."""
    (unit.parent / "pi-server.socket").write_text((DEPLOY / "systemd/pi-server.socket").read_text())
    assert "pi-server" not in checked("systemd-analyze", "verify", unit, unit.parent / "pi-server.socket")


def test_a_unit_is_for_its_configuration(unit: Path) -> None:
    """Patience beyond a drain, and every folder that is written to is made before and left writable."""
    text = unit.read_text()
    (seconds,) = re.findall(r"TimeoutStopSec=(\d+)", text)
    assert int(seconds) >= 40 + 5 + 15
    made, writable = re.findall(r"(?:--mode=0750 |ReadWritePaths=)(.*)", text)
    folder = str(unit.parent / "it's 100 %% pi")
    assert shlex.split(made) == shlex.split(writable) == [f"{folder}/{one}" for one in ("run", "var", "var/logs")]


def test_a_unit_leaves_little_open(unit: Path) -> None:
    """By systemd's own count, where 10.0 is a service that is not hardened at all."""
    checked("systemd-analyze", "security", "--offline=true", "--threshold=40", unit)
