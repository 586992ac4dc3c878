"""``docs/daemon.md``: its commands, one after the other, in the folder that ``docs/operating.md`` begins with."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_server.server import signals
from tests.cli.processes import environment
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "daemon.md"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each command said, by its first line."""
    folder = tmp_path_factory.mktemp("daemon")
    (config,) = [block for block in blocks(DOCS / "operating.md") if block.file == "config.yaml"]
    (folder / "config.yaml").write_text(config.text)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    said: dict[str, str] = {}
    try:
        for block in [*blocks(PAGE, "sh"), None]:
            command = block.text if block else "pi-server ps || true"
            done = subprocess.run(
                ["sh", "-e"],
                input=command,
                cwd=folder,
                env=environment(PATH=path, PI_SERVER__PORT="0", PI_SERVER__LINGER="100ms"),
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, (command, done.stderr)
            said[command.splitlines()[0]] = done.stdout + done.stderr
        yield said
    finally:
        subprocess.run([sys.executable, "-m", "pi_server", "stop"], cwd=folder, capture_output=True, check=False)


def test_the_page_can_be_followed(told: dict[str, str]) -> None:
    """Start, look, reload, stop, and the unit for systemd."""
    assert "in the background: its pid is " in told["pi-server run --daemon --workers 2"]
    assert told["pi-server ps"].count("worker") == 2
    assert told["pi-server reload"] == "reloaded: all workers are new\n"
    assert told["pi-server stop"].startswith("stopped: pid ")
    assert "pi-server.service is written" in told["pi-server startup --user pi --output pi-server.service"]
    assert told["pi-server ps || true"].startswith("no server runs here: ")


def test_the_page_names_every_signal_that_is_heeded() -> None:
    """A signal that means something is in the table."""
    text = PAGE.read_text()
    assert all(f"`{number.name}`" in text for number in signals.ALL)
