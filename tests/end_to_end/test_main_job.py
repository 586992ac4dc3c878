"""The main job, as a newcomer and an operator see it: real processes, driven by curl."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.parts.processes import free_port, listening, running

TOKEN = "an-internal-consumers-long-token"
CONFIG = """
server: {{port: {port}}}
logs: {{access: {{output: access.log}}}}
tokens: {{billing: {{sha256: {digest}, scopes: [account.withdraw, rates.read]}}}}
services:
  sample_service: {{enabled: true, my_simple_conf: fine}}
  account_withdrawal:
    enabled: true
    bank: {{company: core bank, endpoint: "{soap}/soap12/", wsdl: files/withdraw.wsdl, timeout: 5s}}
  exchange_rates:
    enabled: true
    market: {{company: market, endpoint: "{rest}", timeout: 3s}}
"""


@dataclass(frozen=True)
class Running:
    """A server process."""

    url: str
    logs: Path
    output: Path
    process: "subprocess.Popen[bytes]"

    def curl(self, path: str, *options: str) -> tuple[int, dict[str, Any]]:
        """Ask with curl."""
        command = ["curl", "-sS", "-w", "\n%{http_code}", "-H", f"x-srv-token: {TOKEN}", *options, self.url + path]
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
        body, _, status = answer.rpartition("\n")
        return int(status), json.loads(body)

    def post(self, path: str, body: str, *options: str) -> tuple[int, dict[str, Any]]:
        """Send JSON with curl."""
        return self.curl(path, "-H", "content-type: application/json", "-d", body, *options)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The API log, parsed."""
        lines = (self.logs / "api.log").read_text().splitlines()
        form = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] INFO \{API_LOG\} (\{.*\})")
        return [json.loads(match[1]) for line in lines if (match := form.fullmatch(line))]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, soap_provider: str, rest_provider: str) -> Iterator[Running]:
    """`pi-server run` with the three shipped plugins in front of real providers."""
    home, port = tmp_path_factory.mktemp("server"), free_port()
    digest = sha256(TOKEN.encode()).hexdigest()
    config = home / "config.yaml"
    config.write_text(CONFIG.format(port=port, digest=digest, soap=soap_provider, rest=rest_provider))
    command = [sys.executable, "-m", "pi_server", "run", "--config", str(config)]
    with running(command, home / "out", lambda: listening(port)) as process:
        yield Running(f"http://127.0.0.1:{port}", home / "var" / "logs", home / "out", process)


def test_a_withdrawal_crosses_from_rest_to_soap_and_back(server: Running) -> None:
    """One REST call in, one SOAP call out, both legs on record under the consumer's correlation id."""
    status, body = server.post(
        "/api/account/v1.0/withdraw", '{"account": "1001", "amount": "10.00"}', "-H", "activityid: first-call"
    )
    assert (status, body["data"]["balance"], body["correlationId"]) == (200, "90.00", "first-call")
    request, reply = [record for record in server.records if record["correlationId"] == "first-call"]
    assert list(request) == [
        "headers",
        "sourceIP",
        "payload",
        "verb",
        "correlationId",
        "apiTo",
        "flow",
        "endpoint",
        "endpointName",
        "endpointCompany",
        "apiName",
    ]
    assert list(reply) == [
        "headers",
        "payload",
        "verb",
        "correlationId",
        "statusCode",
        "apiTo",
        "flow",
        "endpoint",
        "endpointName",
        "endpointCompany",
        "apiName",
    ]
    assert (request["flow"], request["apiTo"]) == ("REQUEST_OUT_PI", "api/account/v1.0/withdraw")
    assert (request["apiName"], request["endpointCompany"]) == ("accountWithdrawal", "core bank")
    assert "<ns0:AccountNo>1001</ns0:AccountNo>" in request["payload"]
    assert (reply["flow"], reply["statusCode"]) == ("RESPONSE_IN_PI", 200)
    assert body["data"]["trace"] in reply["payload"]


def test_a_declared_soap_fault_becomes_the_mapped_fault(server: Running) -> None:
    """The bank's INSUFFICIENT is a 409 of the service's own words; the bank's stay in the log."""
    status, body = server.post("/api/account/v1.0/withdraw", '{"account": "1001", "amount": "100000"}')
    assert (status, body["error"]["code"]) == (409, "insufficient_funds")
    reply = [record for record in server.records if record["correlationId"] == body["correlationId"]][-1]
    assert "INSUFFICIENT" in reply["payload"]


def test_a_rest_provider_is_asked_and_logged_the_same_way(server: Running) -> None:
    """REST in, REST out; decimals pass through untouched."""
    status, body = server.curl("/api/rates/v1.0/latest/EUR")
    assert (status, body["data"]["rates"]["USD"]) == (200, "1.2500")
    assert len([record for record in server.records if record["correlationId"] == body["correlationId"]]) == 2


def test_the_public_health_value_is_the_configured_one(server: Running) -> None:
    """The value that the variable MY_SIMPLE_CONF sets."""
    status, body = server.curl("/api/sample/v1.0/health")
    assert status == 200
    assert "fine" in body["data"].values()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("", 422),
        ('{"account": "1001"}', 422),
        ('{"account": "1001", "amount": "-1"}', 422),
        ('{"account": "1001", "amount": "1e999999999"}', 422),
        ('{"account": "1001", "amount": 1, "fee": 0}', 422),
        ('{"account": "\\u0000", "amount": 1}', 422),
        ("[" * 100, 400),
    ],
)
def test_bad_input_never_reaches_the_bank(server: Running, body: str, status: int) -> None:
    """A 4xx with the correlation id, and no record of an exchange, because there was none."""
    got, answer = server.post("/api/account/v1.0/withdraw", body)
    assert got == status
    assert not [record for record in server.records if record["correlationId"] == answer["correlationId"]]


def test_a_second_server_on_the_same_port_is_refused_in_one_line(server: Running, tmp_path: Path) -> None:
    """Nothing is duplicated, nothing is half started."""
    config = tmp_path / "config.yaml"
    config.write_text(f"server: {{port: {server.url.rpartition(':')[2]}}}")
    command = [sys.executable, "-m", "pi_server", "run", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 69
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
