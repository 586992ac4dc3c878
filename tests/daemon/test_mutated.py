"""R-37 and R-38: whatever is wrong with a configuration is one clear line, at the start and at a reload."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pi_server.cli import app
from tests.cli.made_up import install
from tests.daemon.mutated import GOOD, MUTATIONS, Mutation
from tests.daemon.servers import daemon

WRONG = [one for one in MUTATIONS if one.told != "ok"]


def test_there_are_forty() -> None:
    """And each is another."""
    assert len({one.text for one in WRONG}) >= 40


@pytest.mark.parametrize("mutation", WRONG, ids=lambda one: one.told.replace(" ", "_"))
def test_a_start_is_refused_with_a_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutation: Mutation
) -> None:
    """Status 78, the place and the reason, no traceback, and no socket, file or folder was made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    install(tmp_path / "site", "made")
    (tmp_path / "config.yaml").write_text(mutation.text)
    done = CliRunner().invoke(app, ["run"])
    assert done.exit_code == 78, done.output
    assert mutation.told in done.stderr
    assert "Traceback" not in done.stderr
    assert all(len(line) < 300 for line in done.stderr.splitlines())
    assert mutation.late or {path.name for path in tmp_path.iterdir()} == {"config.yaml", "site"}


@pytest.mark.parametrize("mutations", [WRONG[::8], pytest.param(WRONG, marks=pytest.mark.slow)])
def test_a_reload_is_refused_with_the_same_line(tmp_path: Path, mutations: list[Mutation]) -> None:
    """The workers are those from before, and the file made good again is served."""
    with daemon(tmp_path) as server:
        before = server.pids
        for mutation in mutations:
            (tmp_path / "config.yaml").write_text(mutation.text)
            told = server.reload()
            assert not told["ok"], mutation
            assert any(mutation.told in problem for problem in told["problems"]), told
            assert server.pids == before
        assert "Traceback" not in server.errors
        (tmp_path / "config.yaml").write_text(GOOD)
        assert server.reload()["ok"]
