"""``pi-server run``: what it prints, how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.made_up import install
from tests.cli.processes import Serving, pi, serving, wait_for

SHIPPED = Path(__file__).parents[2] / "config.yaml"
MADE = "services: {{made: {{enabled: true, patience: {patience}}}}}\n"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The shipped configuration, served with stand-ins."""
    folder = tmp_path_factory.mktemp("sandbox")
    (folder / "config.yaml").write_text(SHIPPED.read_text())
    with serving("--sandbox", cwd=folder, until="curl ") as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a healthy plugin on the path and a configuration that enables it."""
    install(tmp_path / "site", "made")
    (tmp_path / "config.yaml").write_text(MADE.format(patience=0))
    return tmp_path


def pasted(line: str) -> Any:
    """What a shell gives for ``line``."""
    done = subprocess.run(["bash", "-c", f"{line} -sS"], capture_output=True, text=True, timeout=20, check=True)
    return json.loads(done.stdout)


def withdrawal(server: Serving, amount: str) -> Any:
    """The printed call, with another amount."""
    (line,) = [line for line in server.curls if "/withdraw" in line]
    assert '"10.00"' in line
    return pasted(line.replace('"10.00"', f'"{amount}"'))


def fetched(url: str) -> tuple[int, Any]:
    """Status and decoded body of a GET."""
    with urllib.request.urlopen(url, timeout=20) as response:  # noqa: S310 - the address of our own server
        return response.status, json.load(response)


def test_the_printed_line_withdraws_over_soap(sandbox: Serving) -> None:
    """The curl line works when pasted, and both legs of its exchange are on record under its correlation id."""
    before = withdrawal(sandbox, "0.01")["data"]["balance"]
    answer = withdrawal(sandbox, "10.00")
    assert float(answer["data"]["balance"]) == pytest.approx(float(before) - 10)
    log = (sandbox.folder / "var/logs/api.log").read_text().splitlines()
    legs = [line for line in log if answer["correlationId"] in line]
    assert ["REQUEST_OUT_PI" in legs[0], "RESPONSE_IN_PI" in legs[1], len(legs)] == [True, True, 2]
    assert all("soap-env:Envelope" in leg for leg in legs)
    assert "Server=pi-server stand-in" in legs[1]


def test_a_sandbox_asks_nobody_for_a_token_or_a_way(folder: Path) -> None:
    """Whatever the configuration names beside the provider, its token endpoint and proxy, is left alone as well."""
    (folder / "config.yaml").write_text(
        "services:\n  account_withdrawal:\n    enabled: true\n"
        "    bank: {endpoint: 'https://bank.invalid/ws', wsdl: files/withdraw.wsdl, proxy: 'http://proxy.invalid:3128',\n"
        "      auth: {kind: oauth2, url: 'https://login.invalid/t', client_id: us, client_secret: fifteen-otters}}\n"
    )
    with serving("--sandbox", cwd=folder, until="curl ") as server:
        assert "data" in withdrawal(server, "10.00")


def test_a_stand_in_answers_the_declared_fault(sandbox: Serving) -> None:
    """More than the account holds is the provider's declared SOAP Fault, told as the plugin's map says."""
    assert withdrawal(sandbox, "5000.00")["error"]["code"] == "insufficient_funds"


def test_every_printed_line_works(sandbox: Serving) -> None:
    """Of the shipped plugins one offers a call to try; whatever is there to be pasted answers with data."""
    assert len(sandbox.curls) == 1
    assert all("data" in pasted(line) for line in sandbox.curls)


def test_it_tells_what_it_serves_and_what_stands_in(sandbox: Serving) -> None:
    """One line names each plugin with root and operations, and one each stand-in; log and documentation are named."""
    assert "account_withdrawal  /api/account/v1.0  withdraw\n" in sandbox.said
    assert "stand-in for account_withdrawal.bank at http://127.0.0.1:" in sandbox.said
    assert "var/logs/api.log" in sandbox.said
    assert f"{sandbox.address}/docs" in sandbox.said


def test_the_token_lives_for_one_run(sandbox: Serving) -> None:
    """Another token is nobody's: the printed one is not built in."""
    (line,) = [line for line in sandbox.curls if "/withdraw" in line]
    token = line.split("x-srv-token: ")[1].split("'")[0]
    assert len(token) >= 40
    assert pasted(line.replace(token, token[::-1]))["error"]["code"] == "unauthenticated"


def test_a_port_in_use_is_one_line(sandbox: Serving, folder: Path) -> None:
    """Where somebody listens already, one line says so and the status is 69."""
    port = sandbox.address.rpartition(":")[2]
    done = pi("run", "--port", port, cwd=folder, PYTHONPATH=str(folder / "site"))
    assert (done.returncode, done.stdout) == (69, "")
    who = f"Address already in use (pid {sandbox.process.pid} listens there)"
    assert done.stderr.splitlines() == [
        f"cannot listen on 127.0.0.1:{port}: {who}; choose another address with --host and --port"
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_running_call_finish(folder: Path, number: signal.Signals) -> None:
    """A call that runs when the signal comes gets its answer, and the status is 0."""
    (folder / "config.yaml").write_text(MADE.format(patience=1))
    with serving(cwd=folder, PYTHONPATH=str(folder / "site")) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(fetched, f"{server.address}/made/up")
        wait_for("asked", folder / "asked.txt")
        assert server.stop(number) == 0
        assert answer.result(20)[1]["data"] == {"text": "up"}


def test_a_second_signal_does_not_wait(folder: Path) -> None:
    """Whoever signals twice does not wait for the calls, and the status tells that some were cut off."""
    (folder / "config.yaml").write_text(MADE.format(patience=25) + "server: {timeout: 1m, drain: 1m}\n")
    with serving(cwd=folder, PYTHONPATH=str(folder / "site")) as server, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(fetched, f"{server.address}/made/up")
        wait_for("asked", folder / "asked.txt")
        server.process.send_signal(signal.SIGTERM)
        wait_for("draining", folder / "stderr.txt")
        assert server.stop() == 1
        assert isinstance(answer.exception(20), OSError)
    assert "Traceback" not in (folder / "stderr.txt").read_text()


def test_a_wrong_configuration_is_told_line_by_line(folder: Path) -> None:
    """Everything wrong is one line each on standard error; the status is 78 and nothing is served or written."""
    (folder / "config.yaml").write_text("server: {prot: 1, timeout: soon}\nlogs: {level: LOUD}\n")
    done = pi("run", "--set", "server.body_limit=much", cwd=folder, PYTHONPATH=str(folder / "site"))
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(lines)) == (78, "", 4)
    assert "server.prot: unknown key; did you mean server.port?" in done.stderr
    assert all(line.startswith(("config.yaml:", "command line: ")) for line in lines)
    assert not (folder / "var").exists()


def test_an_unknown_link_is_a_wrong_configuration(folder: Path) -> None:
    """A chain made of a link that does not exist is told before any stand-in or server starts."""
    (folder / "config.yaml").write_text("chains: {odd: [tokn]}\n" + MADE.format(patience=0))
    for arguments in (["run"], ["run", "--sandbox"], ["check"], ["routes"]):
        done = pi(*arguments, cwd=folder, PYTHONPATH=str(folder / "site"))
        assert (done.returncode, done.stdout) == (78, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith(
            "config.yaml:1: chains.odd: unknown link 'tokn'; there is token, session, jwt, csrf, gzip"
        )


def test_a_broken_plugin_takes_down_only_itself(folder: Path) -> None:
    """The others serve, and the broken one has a line with phase and reason."""
    install(folder / "site", "broken", "raise RuntimeError('out of order')")
    (folder / "config.yaml").write_text("services: {made: {enabled: true}, broken: {enabled: true, root: /broken}}\n")
    with serving(cwd=folder, until="FAILED", PYTHONPATH=str(folder / "site")) as server:
        assert fetched(f"{server.address}/made/up")[0] == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetched(f"{server.address}/broken/x")
        caught.value.close()
        assert caught.value.code == 503
    assert (
        "  broken  FAILED import: pi_broken:Made: RuntimeError: out of order (pi_broken/__init__.py:1)\n" in server.said
    )


def test_strict_refuses_to_start(folder: Path) -> None:
    """With ``strict`` a broken plugin ends the start with its line and status 78."""
    install(folder / "site", "broken", "raise RuntimeError('out of order')")
    (folder / "config.yaml").write_text("services: {made: {enabled: true}, broken: {enabled: true}}\n")
    done = pi("run", "--port", "0", "--set", "server.strict=true", cwd=folder, PYTHONPATH=str(folder / "site"))
    assert (done.returncode, done.stdout) == (78, "")
    assert (
        done.stderr.splitlines()[-1]
        == "broken: import: pi_broken:Made: RuntimeError: out of order (pi_broken/__init__.py:1)"
    )
    assert "Traceback" not in done.stderr


def test_logs_that_cannot_be_written_are_told_in_one_line(folder: Path) -> None:
    """A log folder that is a file is a wrong configuration."""
    (folder / "taken").write_text("")
    done = pi("run", "--port", "0", "--set", "logs.dir=taken", cwd=folder, PYTHONPATH=str(folder / "site"))
    assert done.returncode == 78
    assert done.stderr.splitlines() == [f"logs.dir: {folder / 'taken'} cannot be written: File exists"]


@pytest.mark.parametrize("example", ["'up'", "('up',)", "('up', 1)"])
def test_a_malformed_example_fails_the_run(folder: Path, example: str) -> None:
    """An ``EXAMPLE`` of another form is one sentence, not a traceback."""
    (folder / "site/pi_made/sandbox.py").write_text(f"EXAMPLE = {example}")
    done = pi("run", "--sandbox", "--port", "0", cwd=folder, PYTHONPATH=str(folder / "site"))
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == "pi_made.sandbox.EXAMPLE must be an operation's name and its input\n"


def test_a_stand_in_that_cannot_start_fails_the_run(folder: Path) -> None:
    """One sentence names the provider and the reason."""
    (folder / "config.yaml").write_text(
        "services: {account_withdrawal: {enabled: true, bank: {wsdl: files/none.wsdl}}}"
    )
    done = pi("run", "--sandbox", "--port", "0", cwd=folder)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (69, "", 1)
    assert done.stderr.startswith("the stand-in for services.account_withdrawal.bank cannot start: wsdl: there is no")


def test_it_serves_without_uvloop(folder: Path) -> None:
    """Where uvloop is not installed, the standard event loop serves."""
    (folder / "site" / "uvloop.py").write_text("raise ImportError('not here')")
    with serving(cwd=folder, PYTHONPATH=str(folder / "site")) as server:
        assert fetched(f"{server.address}/made/up")[0] == 200
        assert server.stop() == 0


def test_it_listens_where_the_command_line_says(folder: Path) -> None:
    """``--host`` and ``--port`` count more than the file."""
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))
        port = free.getsockname()[1]
    (folder / "config.yaml").write_text("server: {host: 127.0.0.1, port: 1}\n" + MADE.format(patience=0))
    with serving("--host", "127.0.0.2", "--port", str(port), cwd=folder, PYTHONPATH=str(folder / "site")) as server:
        assert server.address == f"http://127.0.0.2:{port}"


def test_the_start_imports_nothing_it_does_not_need(folder: Path) -> None:
    """A server without a SOAP provider loads neither zeep nor lxml, and none prints through rich."""
    with serving(cwd=folder, PYTHONPATH=str(folder / "site"), PYTHONPROFILEIMPORTTIME="1"):
        loaded = {line.rpartition("|")[2].strip() for line in (folder / "stderr.txt").read_text().splitlines()}
    assert "pi_server.server.assembly" in loaded
    assert not {"rich", "zeep", "lxml"} & loaded
