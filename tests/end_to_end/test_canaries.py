"""Secrets are put wherever a secret can be, and nothing that the server writes shows one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import aiohttp
import pytest

from tests.canaries import BIRD, CARDS, IBAN, canary, escaped, written_below
from tests.cli.made_up import install
from tests.cli.processes import pi, serving

PLUGIN = """
import logging, threading
from typing import Any
from pydantic import BaseModel
from pi_server import Call, Fault, RestMessage, RestProvider, Service, get, post

class Reply(BaseModel):
    anything: Any = None

class Ask(RestMessage[Reply], path="/rest", verb="POST"):
    customer: dict[str, Any]
    nested: str
    note: str
    fields: list[dict[str, Any]]

class Order(BaseModel):
    customer: dict[str, Any]
    nested: str
    note: str
    fields: list[dict[str, Any]]

class Look(RestMessage[Reply], path="/rest"):
    token: str
    session_code: str

class Login(BaseModel):
    name: str
    password: str

class Made(Service):
    root = "/made"
    bank: RestProvider

    @post("/ask", public=True)
    async def ask(self, call: Call, order: Order) -> Reply:
        "Hand everything on."
        await self.bank.send(call, Ask(**order.model_dump()))
        return Reply()

    @get("/look", public=True)
    async def look(self, call: Call, token: str, session_code: str) -> Reply:
        "Ask with a secret in the query."
        return await self.bank.send(call, Look(token=token, session_code=session_code))

    @get("/crash", public=True)
    async def crash(self, call: Call, secret: str, card: str) -> Reply:
        "Fail in every way that leaves a trace."
        logging.getLogger("made").warning("login with %s", {"password": secret, "card": card})
        logging.getLogger("made").warning("head (b'authorization', b'Bearer %s') national 0012345678", secret)
        thread = threading.Thread(target=self._fail, args=(secret, card))
        thread.start()
        thread.join()
        try:
            Login.model_validate({"password": secret})
        except ValueError as error:
            raise RuntimeError(f"no login: password={secret} card {card}, https://me:{secret}@bank/") from error

    def _fail(self, secret: str, card: str) -> None:
        raise RuntimeError(f"thread: token={secret}; card {card}")

    @get("/fault", public=True)
    async def fault(self, call: Call, secret: str) -> Reply:
        "Tell a fault whose words hold a secret."
        raise Fault("no_login", 401, f"no login with password={secret}")
"""
CONFIG = """
logs:
  access: {{output: access.log, format: {form}}}
  mask:
    json: ["$.customer.nationalId", "$..iban2"]
    xpath: ["//AccountNo", "//s:Detail/Holder/@code"]
    query: [session_code]
    headers: [X-Branch]
    regex: [{{name: national_code, match: '(?<![0-9])[0-9]{{10}}(?![0-9])'}}]
tokens: {{me: {{sha256: {digest}, scopes: [account.withdraw]}}}}
services:
  made:
    enabled: true
    bank: {{company: bank, endpoint: "{bank}", headers: {{X-Api: {header}}}}}
  account_withdrawal:
    enabled: true
    bank: {{company: core bank, endpoint: "{bank}/soap", wsdl: files/withdraw.wsdl, timeout: 5s}}
"""


class Leaky(BaseHTTPRequestHandler):
    """A bank whose answers, faults included, repeat what it was asked and more."""

    secret = canary()

    def do_GET(self) -> None:
        """Answer JSON."""
        self._answer(200, "application/json", self._reply(""))

    def do_POST(self) -> None:
        """Answer JSON, or a SOAP fault."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if not self.path.endswith("/soap"):
            self._answer(200, "application/json", self._reply(body))
            return
        fault = (
            '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender'
            f"</s:Value></s:Code><s:Reason><s:Text xml:lang='en'>no: password={self.secret} card {CARDS[0]}</s:Text>"
            f"</s:Reason><s:Detail><Holder code='{self.secret}'/><Pin>{self.secret}</Pin></s:Detail></s:Fault></s:Body>"
            "</s:Envelope>"
        )
        self._answer(500, "application/soap+xml", fault)

    def _reply(self, body: str) -> str:
        secret = self.secret
        return json.dumps({"anything": {"accessToken": secret, "echo": body, "iban2": secret, "iban": IBAN, "n": 1.50}})

    def _answer(self, status: int, media: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(text.encode())))
        self.send_header("Set-Cookie", f"sid={self.secret}; Path=/")
        self.send_header("X-Branch", self.secret)
        self.send_header("Location", f"https://me:{self.secret}@bank/?token={self.secret}")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Say nothing."""


@pytest.fixture(scope="module")
def bank() -> Iterator[str]:
    """The address of the bank."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Leaky)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def _ask(url: str, token: str) -> dict[str, int]:
    """Every call that takes a secret along; the statuses, by path."""
    heads = {
        "Authorization": f"Bearer {canary()}",
        "Cookie": f"sid={canary()}",
        "X-Partner-Key": canary(),
        "x-srv-token": token,
    }
    asked = {
        "customer": {"nationalId": canary(), "Pass_word": canary(), "deep": [{"otp": canary()}]},
        "nested": json.dumps({"apiKey": canary(), "again": json.dumps({"pin": canary()})}),
        "note": f"<Login><Password>{canary()}</Password></Login> {CARDS[0]} and {CARDS[1]}, {IBAN}",
        "fields": [{"name": "password", "value": canary()}, {"value": canary(), "key": "otp"}],
    }
    bad = {"account": canary(), "amount": "x", "password": canary()}
    async with aiohttp.ClientSession(url, headers=heads) as session:
        statuses: dict[str, int] = {}
        for path, body in (("/made/ask", asked), ("/api/account/v1.0/withdraw", bad)):
            async with session.post(path, json=body) as answer:
                statuses[path] = answer.status
        async with session.post("/api/account/v1.0/withdraw", json={"account": canary(), "amount": "1.00"}) as answer:
            statuses["soap"] = answer.status
        secret = {"secret": canary(), "card": CARDS[0]}
        queries = {
            "/made/look": {"token": canary(), "session_code": canary()},
            "/made/crash": secret,
            "/made/fault": {"secret": canary()},
            "/none": {"password": canary(), "a": CARDS[0]},
        }
        for path, query in queries.items():
            async with session.get(path, params=query) as answer:
                statuses[path] = answer.status
    return statuses


@pytest.mark.parametrize("form", ["text", "json"])
async def test_no_secret_reaches_any_file_or_stream(tmp_path: Path, bank: str, form: str) -> None:
    """Whatever was sent, answered, raised or logged with a secret in it: no log and no stream shows it."""
    install(tmp_path, "made", PLUGIN)
    token = canary()
    config = CONFIG.format(bank=bank, header=canary(), digest=sha256(token.encode()).hexdigest(), form=form)
    (tmp_path / "config.yaml").write_text(config)
    with serving(cwd=tmp_path, PYTHONPATH=str(tmp_path)) as server:
        statuses = await _ask(server.address, token)
        server.stop()
    assert statuses == {
        "/made/ask": 200,
        "/api/account/v1.0/withdraw": 422,
        "soap": 502,
        "/made/look": 200,
        "/made/crash": 500,
        "/made/fault": 401,
        "/none": 404,
    }
    files = list(written_below(tmp_path))
    assert {"api.log", "access.log", "error.log", "stdout.txt", "stderr.txt"} <= {path.name for path in files}
    logs = {path.name: path.read_text() for path in files}
    assert "no login: password=***" in logs["error.log"]
    assert "thread: token=***" in logs["stderr.txt"]
    assert logs["api.log"].count("REQUEST_OUT_PI") == logs["api.log"].count("RESPONSE_IN_PI") == 3
    assert escaped(files, (BIRD, *CARDS, IBAN, "0012345678", "012345678")) == []


def test_no_secret_of_a_wrong_configuration_is_told(tmp_path: Path, bank: str) -> None:
    """Neither a value that is refused nor what a plugin raises about one is repeated."""
    install(tmp_path, "made", f"raise RuntimeError('cannot import with password={canary()}')\n")
    wrong = f"tokens: {{me: {{sha256: {canary()}}}}}\nstores: {{keys: 'redis://me:{canary()}@h:x/'}}\n"
    for text in (wrong, f"services: {{made: {{enabled: true, api_key: [{canary()}]}}}}\n"):
        (tmp_path / "config.yaml").write_text("server: {strict: true}\n" + text)
        for verb in ("run", "check"):
            done = pi(verb, cwd=tmp_path, PYTHONPATH=str(tmp_path))
            assert BIRD not in done.stdout + done.stderr
            assert done.returncode == 78
            assert "Traceback" not in done.stderr


def test_the_search_finds_what_is_not_masked(tmp_path: Path) -> None:
    """The search itself works: a secret in a log is found, with the place where it stands."""
    log = tmp_path / "api.log"
    log.write_text(f"before {canary()} after")
    found = escaped(written_below(tmp_path))
    log.unlink()  # the search at the end of the run is to find nothing
    assert len(found) == 1
    assert "before" in found[0]
