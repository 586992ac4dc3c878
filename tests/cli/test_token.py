"""``pi-server token``: the four verbs as processes, on the embedded store of a configuration."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pi_server.auth.service_tokens import digest
from tests.cli.processes import pi

TOKEN = re.compile(r"pi_[A-Za-z0-9_-]{43}\n")
CONFIG = f"""\
server: {{data_dir: data}}
tokens:
  shop: {{sha256: {digest("a configured token")}, scopes: [order]}}
  late: {{sha256: {digest("another")}, expires: 2020-01-01T00:00:00Z}}
services:
  sample_service: {{enabled: true}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with two tokens of its own and the embedded store."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def _token(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return pi("token", *arguments, cwd=folder, COLUMNS="200")


def _made(folder: Path, *arguments: str) -> str:
    """The token that a verb prints, alone on standard output."""
    done = _token(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert TOKEN.fullmatch(done.stdout)
    assert done.stdout.strip() not in done.stderr
    return done.stdout.strip()


def _states(folder: Path) -> list[list[str]]:
    done = _token(folder, "list")
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split() for line in done.stdout.splitlines()[1:]]


def test_a_token_goes_through_its_life(folder: Path) -> None:
    """Created, rotated with an overlap, revoked; listed in each state, and never shown or kept in clear."""
    first = _made(folder, "create", "billing", "--scope", "pay", "--reach", "sample_service", "--expires", "90d")
    second = _made(folder, "rotate", "billing", "--overlap", "1h")
    listed = _token(folder, "list").stdout
    rows = _states(folder)
    assert [row[:4] for row in rows] == [
        ["shop", "configured", "order", "*"],
        ["late", "expired", "none", "*"],
        ["billing", "valid", "pay", "sample_service"],
        ["billing", "expiring", "pay", "sample_service"],
    ]
    assert rows[0][4:] == ["-", "never", "-"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", time) for time in rows[2][4:6])
    assert rows[2][6] == "-"
    again = _token(folder, "rotate", "billing")
    assert (again.returncode, again.stdout) == (1, "")
    assert re.fullmatch(
        r"billing has two valid tokens; the older one ends at \S+Z, then it can be rotated again\n", again.stderr
    )
    revoked = _token(folder, "revoke", "billing")
    assert (revoked.returncode, revoked.stdout) == (0, "billing is revoked; workers refuse it within a second.\n")
    assert [row[1] for row in _states(folder)[2:]] == ["revoked"] * 2
    assert _token(folder, "revoke", "billing").stdout == "billing was revoked already.\n"
    kept = b"".join(file.read_bytes() for file in (folder / "data").rglob("*") if file.is_file())
    for token in (first, second):
        assert digest(token).encode() in kept
        assert token.encode() not in kept
        assert token not in listed
        assert digest(token) not in listed


def test_names_of_the_configuration_are_taken(folder: Path) -> None:
    """They are neither created nor changed here, and a record that the configuration took over is shown as such."""
    taken = _token(folder, "create", "shop")
    assert (taken.returncode, taken.stdout) == (1, "")
    assert taken.stderr == "tokens.shop of the configuration has that name already\n"
    for verb in ("rotate", "revoke"):
        refused = _token(folder, verb, "shop")
        assert refused.returncode == 1
        assert refused.stderr == (
            "there is no record of shop; tokens.shop stands in the configuration: change it there\n"
        )
    _made(folder, "create", "billing")
    (folder / "config.yaml").write_text(CONFIG.replace("  shop:", "  billing:"))
    assert [row[:2] for row in _states(folder)] == [
        ["billing", "configured"],
        ["late", "expired"],
        ["billing", "shadowed"],
    ]


def test_a_narrow_list_is_folded_into_lines(folder: Path) -> None:
    """Where a row does not fit, each token has two lines, and nothing is cut."""
    _made(folder, "create", "billing", "--scope", "account.withdraw", "--scope", "account.read")
    done = pi("token", "list", cwd=folder)
    assert done.stdout.splitlines()[4] == "billing valid"
    assert done.stdout.splitlines()[5].startswith("       scopes account.withdraw, account.read · reach * · created 20")


def test_a_reach_without_a_service_is_noted(folder: Path) -> None:
    """It may be installed later, so the token is made all the same."""
    done = _token(folder, "create", "billing", "--reach", "smaple_service.echo", "--reach", "sample_service")
    assert done.returncode == 0
    assert "Note: the configuration has no service smaple_service." in done.stderr
    assert done.stderr.count("Note:") == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("create", "a b"), "is not a name"),
        (("create", "x" * 65), "is not a name"),
        (("create", "a", "--scope", "pay all"), "is not a scope"),
        (("create", "a", "--reach", "Billing"), "is not a service"),
        (("create", "a", "--expires", "soon"), "neither a time such as 90d nor a date"),
        (("create", "a", "--expires", "2020-01-31"), "has passed already"),
        (("create", "a", "--expires", "999999999d"), "neither a time"),
        (("create", "a", "--expires", "0d"), "has passed already"),
        (("rotate", "a", "--overlap", "24"), "is no time such as 90d"),
        (("rotate", "a", "--overlap=-1h"), "is no time such as 90d"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_opened(
    folder: Path, arguments: tuple[str, ...], reason: str
) -> None:
    """The status of a wrong command line, and what is wrong with it."""
    done = _token(folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in " ".join(re.sub("[│╭╮╰╯─]", " ", done.stderr).split())
    assert not (folder / "data").exists()


@pytest.mark.parametrize(
    ("documents", "status", "reason"),
    [
        ("memory", 1, "stores.documents is memory, which no other process sees"),
        ("mongodb://127.0.0.1:1/pi", 69, "the document store does not answer: "),
    ],
)
def test_a_store_that_cannot_be_used_is_said(folder: Path, documents: str, status: int, reason: str) -> None:
    """One line and a status of its own."""
    chosen = ("--set", f"stores.documents={documents}", "--set", "stores.timeout=300ms")
    done = _token(folder, "create", "billing", *chosen)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(reason)
    assert done.stderr.count("\n") == 1
