"""``pi-server run --dev``: a server that begins anew whenever something changes."""

from __future__ import annotations

import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.made_up import HEALTHY, install
from tests.cli.processes import COMMAND, environment, pi

PATIENCE = 60.0
CONFIG = "services: {{made: {{enabled: true, patience: {patience}}}}}\n"


class Developing:
    """A terminal in which ``run --dev`` runs."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.process = process
        self._read = 0

    @property
    def _said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def hears(self, pattern: str) -> re.Match[str]:
        """The next line, after those heard already, that has ``pattern`` in it."""
        end = time.monotonic() + PATIENCE
        while (found := re.compile(pattern).search(self._said, self._read)) is None:
            assert self.process.poll() is None, self._said
            assert time.monotonic() < end, f"{pattern} was not said: {self._said}"
            time.sleep(0.02)
        self._read = found.end()
        return found

    def serves(self, text: str) -> None:
        """It begins to serve, and its operation answers ``text``."""
        url = self.hears(r" serves (http://\S+)")[1]
        with urllib.request.urlopen(f"{url}/made/up", timeout=PATIENCE) as answer:  # noqa: S310 - our own server
            assert f'"text":"{text}"' in answer.read().decode()

    def write(self, name: str, text: str) -> None:
        """Change a file as editors do: another one takes its place."""
        fresh = self.folder / f"{name}.fresh"
        fresh.write_text(text)
        fresh.replace(self.folder / name)


@pytest.fixture
def developing(tmp_path: Path) -> Generator[Developing]:
    """Begun with a healthy plugin; killed at the end if it still runs, with the server it watches."""
    install(tmp_path / "site", "made")
    (tmp_path / "config.yaml").write_text(CONFIG.format(patience=0))
    with (tmp_path / "said.txt").open("wb") as output:
        process = subprocess.Popen(
            ["env", "--default-signal=INT", *COMMAND, "run", "--dev", "--port", "0", "--set", "server.linger=100ms"],
            cwd=tmp_path,
            env=environment(PYTHONPATH=str(tmp_path / "site"), PYTHONUNBUFFERED="1"),
            stdout=output,
            stderr=output,
        )
    try:
        yield Developing(tmp_path, process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(PATIENCE)


def test_a_change_of_the_code_is_served(developing: Developing) -> None:
    """Also in a file that was not there before; the line before the restart names it."""
    developing.serves("up")
    developing.write("site/pi_made/__init__.py", HEALTHY.replace('text="up"', 'text="down"'))
    developing.hears("changed: .*/pi_made/__init__.py")
    developing.serves("down")
    (developing.folder / "site/pi_made/words").mkdir()
    developing.hears("changed: .*/pi_made/words")
    developing.serves("down")
    (developing.folder / "site/pi_made/words/one.txt").write_text("a word")
    developing.hears("changed: .*/pi_made/words/one.txt")
    developing.serves("down")


def test_a_change_of_the_configuration_is_served_again_and_again(developing: Developing) -> None:
    """A file that took the place of the one before is watched like that one; logs are not."""
    developing.serves("up")
    for patience in (0.01, 0.02, 0.03):
        developing.write("config.yaml", CONFIG.format(patience=patience))
        developing.hears("changed: .*/config.yaml\n")
        developing.serves("up")


@pytest.mark.parametrize(
    ("name", "broken", "line"),
    [
        ("config.yaml", "services: {made: {enabled: perhaps}}\n", r"config.yaml:1: services.made.enabled: .*"),
        ("config.yaml", "services: {\n", r"config.yaml:2: is not valid YAML.*"),
        ("site/pi_made/__init__.py", "class Made(:\n", r"  made +FAILED import: .*invalid syntax.*"),
    ],
)
def test_what_is_broken_is_told_and_watched_on(developing: Developing, name: str, broken: str, line: str) -> None:
    """One line says what is wrong, and the file made good again is served."""
    developing.serves("up")
    good = (developing.folder / name).read_text()
    developing.write(name, broken)
    developing.hears(line)
    developing.write(name, good)
    developing.serves("up")
    assert "Traceback" not in (developing.folder / "said.txt").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both(developing: Developing, number: signal.Signals) -> None:
    """The server drains, for it is signalled once; then nobody is left, and the status is 0."""
    developing.serves("up")
    (child,) = _children(developing.process.pid)
    developing.process.send_signal(number)
    assert developing.process.wait(PATIENCE) == 0
    assert not Path(f"/proc/{child}").exists()
    said = (developing.folder / "said.txt").read_text()
    assert "stopped" in said
    assert "second signal" not in said


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_it_is_for_a_terminal(tmp_path: Path) -> None:
    """A wrong configuration ends it at once, and it does not go into the background."""
    (tmp_path / "config.yaml").write_text("server: {prot: 1}\n")
    assert pi("run", "--dev", cwd=tmp_path).returncode == 78
    assert pi("run", "--dev", "--daemon", cwd=tmp_path).returncode == 2
