"""``pi-server mask test``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.processes import COMMAND, environment, pi

CONFIG = """\
logs:
  mask:
    json: ["$.customer.name"]
    xpath: ["//Card/Number"]
"""


def test_a_file_is_shown_as_the_logs_would_show_it(tmp_path: Path) -> None:
    """The text is on standard output, byte for byte but for what is hidden; the rules are on standard error."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "a.json").write_text('{"customer":{"name": "Jo","n":1.50},\n"pin":1, "c":4111111111111111}\n')
    done = pi("mask", "test", "a.json", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == '{"customer":{"name": "***","n":1.50},\n"pin":"***", "c":"***"}\n'
    assert done.stderr.splitlines() == ["json $.customer.name: 1", "name pin: 1", "pattern card: 1"]


def test_a_file_without_secrets(tmp_path: Path) -> None:
    """Nothing is changed, and that is said."""
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "a.xml").write_bytes(b"<a>\r\n<b>1</b></a>")
    done = subprocess.run(
        [*COMMAND, "mask", "test", "a.xml"], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"<a>\r\n<b>1</b></a>", b"nothing was masked\n")


def test_standard_input_and_a_type(tmp_path: Path) -> None:
    """What is piped in is taken for what --type says."""
    (tmp_path / "config.yaml").write_text("")
    command = [*COMMAND, "mask", "test", "-", "--type", "application/x-www-form-urlencoded"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), input="p%61ssword=1&a=2", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "p%61ssword=***&a=2")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """One line and status 2."""
    (tmp_path / "config.yaml").write_text("")
    done = pi("mask", "test", "none.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "none.json cannot be read: No such file or directory\n"


def test_wrong_rules_are_told_with_their_keys(tmp_path: Path) -> None:
    """Every rule is checked when the configuration is loaded; each wrong one is one line."""
    wrong = "{json: [customer], xpath: ['//*'], regex: [{name: a, match: '(a+)+'}], patterns: [cards], forms: [a]}"
    (tmp_path / "config.yaml").write_text(f"logs:\n  mask: {wrong}\n")
    done = pi("check", cwd=tmp_path)
    assert done.returncode == 78
    keys = [line.split(": ")[1] for line in done.stderr.splitlines()]
    assert sorted(keys) == [f"logs.mask.{key}" for key in ("forms", "json.0", "patterns.0", "regex.0.match", "xpath.0")]


def test_a_list_still_means_names(tmp_path: Path) -> None:
    """The short form, in the file or a variable, is that of ``names``."""
    (tmp_path / "config.yaml").write_text("logs: {mask: [nick]}\n")
    (tmp_path / "a.json").write_text('{"nick": 1, "mate": 2}')
    assert pi("mask", "test", "a.json", cwd=tmp_path).stdout == '{"nick": "***", "mate": 2}'
    assert pi("mask", "test", "a.json", cwd=tmp_path, PI_LOGS__MASK="[mate]").stdout == '{"nick": 1, "mate": "***"}'
    explained = pi("config", "explain", cwd=tmp_path).stdout
    assert "logs.mask.names" in explained
    assert '["nick"]' in explained
