"""``pi-server routes``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.made_up import install
from tests.cli.processes import pi
from tests.cli.test_run import SHIPPED

TWO_LINKS = """
from pydantic import BaseModel
from pi_server import Call, Service, get, post

def outer(handler):
    return handler

def maker():
    def link(handler):
        return handler
    return link

class Answer(BaseModel):
    text: str

class Made(Service):
    root = "/made"
    middlewares = (outer,)

    @get("/up", chain="careful", timeout=0.5, middlewares=(maker(),))
    async def up(self, call: Call) -> Answer: ...

    @post("/pay", once=True, middlewares=(maker(),))
    async def pay(self, call: Call) -> Answer: ...
"""


def test_a_wide_output_has_a_table(tmp_path: Path) -> None:
    """Each operation is one row: verb, path, name, chain, scope and timeout."""
    done = pi("routes", "--config", str(SHIPPED), cwd=tmp_path, COLUMNS="140")
    head, *rows = [line.split() for line in done.stdout.splitlines()]
    assert head == ["verb", "path", "operation", "chain", "scope", "timeout"]
    assert ["GET", "/api/sample/v1.0/health", "sample_service.health", "public", "public", "15s"] in rows
    assert ["POST", "/api/account/v1.0/withdraw", "account_withdrawal.withdraw", "internal"] in [
        row[:4] for row in rows
    ]


def test_a_pipe_is_readable_in_80_columns(tmp_path: Path) -> None:
    """Where the table would be too wide, no path or name is folded and no line is longer than 80."""
    done = pi("routes", "--config", str(SHIPPED), cwd=tmp_path)
    assert "/api/rates/v1.0/latest/{base}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_chains_are_shown_as_they_are_composed(tmp_path: Path) -> None:
    """The server's come first, then the named chain's, the service's, the operation's, and what guards a key."""
    install(tmp_path / "site", "made", TWO_LINKS)
    (tmp_path / "config.yaml").write_text("chains: {careful: [token]}\nservices: {made: {enabled: true}}\n")
    done = pi("routes", "--chains", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert "made.up · chain careful · any consumer · 500ms" in done.stdout
    assert "session_cookie > access_log > recovery > in_flight > token > outer > maker\n" in done.stdout
    assert "in_flight > token > outer > maker > idempotency\n" in done.stdout
    done = pi("routes", "--chains", "--set", "logs.access.output=off", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert "session_cookie > recovery > in_flight > token > outer > maker" in done.stdout


def test_what_fails_is_told_beside_the_routes(tmp_path: Path) -> None:
    """A plugin that cannot be served has a line on standard error; the others have their routes."""
    (tmp_path / "config.yaml").write_text("services: {nowhere: {enabled: true}, sample_service: {enabled: true}}")
    done = pi("routes", cwd=tmp_path)
    assert "sample_service.health" in done.stdout
    assert done.stderr.startswith("nowhere: discover: ")
