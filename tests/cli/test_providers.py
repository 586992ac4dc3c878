"""At three in the morning: which provider has failed, and what can be done about it."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.cli.made_up import install
from tests.cli.processes import Serving, pi, serving, wait_for

ASKING = """
from pydantic import BaseModel
from pi_server import Call, RestMessage, RestProvider, Service, get

class Answer(BaseModel):
    right: bool

class Ask(RestMessage[Answer], path="/"):
    pass

class Made(Service):
    root = "/made"
    market: RestProvider

    @get("/up", public=True)
    async def up(self, call: Call) -> Answer:
        "Ask the market."
        return await self.market.send(call, Ask())
"""


@contextmanager
def _serving(tmp_path: Path, **market: Any) -> Generator[Serving]:
    install(tmp_path / "site", "made", ASKING)
    config = {
        "alerts": {"command": ["tee", "-a", str(tmp_path / "alerts")]},
        "services": {
            "made": {"enabled": True, "market": {"endpoint": "http://127.0.0.1:9", "retry": {"times": 0}, **market}},
        },
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    with serving(cwd=tmp_path, PYTHONPATH=str(tmp_path / "site")) as started:
        yield started


@pytest.fixture
def server(tmp_path: Path) -> Generator[Serving]:
    """A server whose only provider listens nowhere; it tells of alerts in a file."""
    with _serving(tmp_path) as started:
        yield started


def _status(server: Serving) -> int:
    connection = HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/made/up")
        return connection.getresponse().status
    finally:
        connection.close()


def _providers(server: Serving, *arguments: str) -> tuple[int, str]:
    done = pi("providers", *arguments, cwd=server.folder, PYTHONPATH=str(server.folder / "site"), COLUMNS="200")
    return done.returncode, done.stdout + done.stderr


def test_a_provider_that_fails_is_found_and_worked_by_hand(server: Serving) -> None:
    """Its breaker, the last fault and its call are on one screen; it is opened and closed, and alerts are told."""
    code, shown = _providers(server)
    assert (code, "made.market" in shown, "closed" in shown) == (0, True, True)

    assert [_status(server) for _ in range(6)] == [502] * 5 + [503]
    code, shown = _providers(server)
    assert code == 0
    assert "made.market  open" in shown
    assert "unreachable, in the call" in shown
    assert "1 refused: breaker open" in shown
    assert "made.market: not asked at http://127.0.0.1:9 since 2" in shown
    assert ": 5 failures, the last: unreachable" in shown
    (alert, *_) = wait_for("breaker_open", server.folder / "alerts").splitlines()
    assert json.loads(alert)["subject"] == "made.market at http://127.0.0.1:9"

    assert _providers(server, "close", "made.market")[0] == 0
    assert "not asked" not in _providers(server)[1]
    assert _status(server) == 502
    assert "breaker_closed" in wait_for("breaker_closed", server.folder / "alerts")

    assert _providers(server, "open", "made.market")[0] == 0
    assert _status(server) == 503
    code, told = _providers(server, "--json")
    (one,) = json.loads(told)
    assert (code, one["provider"], list(one["breakers"].values())) == (0, "made.market", ["held_open"])
    assert one["lastFault"]["what"] == "unreachable"


def test_failures_without_a_rule_are_listed(server: Serving) -> None:
    """With how often, since when, and the last call, to find it in the log; each as the condition of a rule."""
    assert _providers(server, "--unforeseen") == (0, "every failure of a provider had its rule\n")
    assert [_status(server) for _ in range(3)] == [502] * 3
    code, shown = _providers(server, "--unforeseen")
    assert code == 0
    assert "3      made     {provider: market, kind: unreachable}" in shown
    (one,) = json.loads(_providers(server, "--unforeseen", "--json")[1])
    narrow = pi("providers", "--unforeseen", cwd=server.folder, COLUMNS="40").stdout
    assert "{provider: market, kind: unreachable}" in narrow  # to be copied
    assert (one["service"], one["provider"], one["count"]) == ("made", "market", 3)
    assert one["first"] <= one["last"]
    assert one["correlationId"] in shown


def test_what_policies_decided_is_on_record(tmp_path: Path) -> None:
    """One line for each decision, with the call; a server without any has no such file."""
    with _serving(tmp_path, retry={"times": 1, "pause": "1ms"}, breaker={"failures": 3}) as server:
        log = tmp_path / "var/logs/decisions.log"
        assert not log.exists()
        assert [_status(server) for _ in range(3)] == [502, 502, 503]
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["decision"] for one in told] == ["retry", "opened", "retry", "refused", "refused"]
    assert all(one["provider"] == "market" for one in told)
    assert len({one["correlationId"] for one in told}) == 4  # three calls, and a breaker that is nobody's


def test_a_name_that_is_none_is_refused(server: Serving) -> None:
    """With the names there are."""
    assert _providers(server, "open", "made.bank") == (1, "no provider is called 'made.bank'; there is made.market\n")


def test_a_certificate_near_its_end_is_shown_and_alerted(tmp_path: Path) -> None:
    """The screen warns below the table, a program is told its date, and the alert comes at start."""
    end = datetime.now(UTC) + timedelta(days=3)
    ours = trustme.CA().issue_cert("us@consumer.example", not_after=end)
    ours.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "us.pem"))
    with _serving(tmp_path, certificate=str(tmp_path / "us.pem")) as server:
        shown, told = _providers(server)[1], json.loads(_providers(server, "--json")[1])
        alert = json.loads(wait_for("}", tmp_path / "alerts"))
    assert "made.market: certificate: the certificate of " in shown
    assert f" ends on {end:%Y-%m-%d}" in shown
    assert told[0]["certificates"][0]["end"].startswith(f"{end:%Y-%m-%d}")
    assert (alert["alert"], alert["subject"]) == ("certificate_ends", "made.market")
    assert alert["reason"].endswith(f" ends on {end:%Y-%m-%d}")


def test_where_nobody_runs_one_line_says_so(tmp_path: Path) -> None:
    """And the status tells a script."""
    (tmp_path / "config.yaml").write_text("{}")
    done = pi("providers", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith("no server runs here")
    assert done.stderr.count("\n") == 1
