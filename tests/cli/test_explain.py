"""``pi-server config explain``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.processes import pi

CONFIG = """\
server: {timeout: 2s}
tokens: {billing: {sha256: %s}}
services:
  made: {api_key: hush-1, endpoint: "https://me:hush-2@host/"}
"""


def explained(folder: Path) -> str:
    """The plain form, with a value from each source."""
    (folder / "config.yaml").write_text(CONFIG % ("ab" * 32))
    done = pi("config", "explain", "--set", "server.port=1", cwd=folder, PI_SERVER__HOST="::1")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_each_value_has_its_origin(tmp_path: Path) -> None:
    """A line has path, value and origin, in columns: default, file, variable, command line."""
    rows = [line.split() for line in explained(tmp_path).splitlines()]
    assert ["server.drain", "30s", "default"] in rows
    assert ["server.timeout", "2s", "config.yaml:1"] in rows
    assert ["server.host", "::1", "PI_SERVER__HOST"] in rows
    assert ["server.port", "1", "command", "line"] in rows


def test_secrets_are_masked(tmp_path: Path) -> None:
    """Neither digests, keys nor passwords in addresses are shown, in neither form."""
    plain = explained(tmp_path)
    done = pi("config", "explain", "--json", cwd=tmp_path)
    for text in (plain, done.stdout):
        assert "hush" not in text
        assert "abab" not in text
    values = {row["path"]: row["value"] for row in json.loads(done.stdout)}
    assert values["services.made.api_key"] == "***"
    assert values["services.made.endpoint"] == "https://***@host/"


def test_nothing_is_explained_of_a_wrong_configuration(tmp_path: Path) -> None:
    """What cannot be used is told instead, with status 78."""
    (tmp_path / "config.yaml").write_text("servers: {}\n")
    done = pi("config", "explain", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == "config.yaml:1: servers: unknown key; did you mean server?\n"
