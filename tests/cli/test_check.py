"""``pi-server check``, the bare command, and how output adapts to where it goes."""

from __future__ import annotations

import inspect
import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

import pi_account_withdrawal
from pi_server.version import VERSION
from tests.cli.made_up import install
from tests.cli.processes import COMMAND, environment, pi
from tests.cli.test_run import SHIPPED
from tests.parts.waiting import PATIENCE


def test_the_shipped_configuration_is_sound(tmp_path: Path) -> None:
    """The shipped file passes with all its plugins, and a check leaves nothing behind."""
    done = pi("check", "--config", str(SHIPPED), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok: 4 plugins, 37 operations\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_check_binds_what_is_enabled(tmp_path: Path) -> None:
    """Wrong keys of a provider are told by their dotted paths, one line each, with status 78."""
    (tmp_path / "config.yaml").write_text(
        "services:\n"
        "  account_withdrawal:\n"
        "    enabled: true\n"
        "    bank: {endpoint: ftp://bank, wsdl: files/withdraw.wsdl, timout: 5s}\n"
        "  nowhere: {enabled: true}\n"
    )
    done = pi("check", cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (78, "", 3)
    assert "account_withdrawal: bind: services.account_withdrawal.bank.timout: unknown key" in done.stderr
    assert "account_withdrawal: bind: services.account_withdrawal.bank.endpoint: must be an absolute" in done.stderr
    assert "nowhere: discover: services.nowhere: no installed package offers this service" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_a_check_warns_of_what_will_not_last(tmp_path: Path) -> None:
    """A certificate near its end, and a provider that anybody can pose as, are told and do not make the check fail."""
    code = "from pi_server import Call, RestProvider, Service, get\n\nclass Made(Service):\n    root = '/m'\n"
    code += "    bank: RestProvider\n    shop: RestProvider\n\n"
    code += "    @get('/a', public=True)\n    async def a(self, call: Call) -> None: ...\n"
    install(tmp_path / "site", "made", code)
    end = datetime.now(UTC) + timedelta(days=3)
    ours = trustme.CA().issue_cert("us@consumer.example", not_after=end)
    ours.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "us.pem"))
    (tmp_path / "config.yaml").write_text(
        "services:\n  made:\n    enabled: true\n"
        f"    bank: {{endpoint: https://bank.example, certificate: {tmp_path}/us.pem}}\n"
        "    shop: {endpoint: https://shop.example, unsafe_accept_any_certificate: true}\n"
    )
    done = pi("check", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert (done.returncode, done.stdout) == (0, "ok: 1 plugins, 1 operations\n")
    first, second = done.stderr.splitlines()
    assert first.startswith("warning: services.made.bank.certificate: the certificate of ")
    assert first.endswith(f" ends on {end:%Y-%m-%d}")
    assert second == ("warning: services.made.shop.unsafe_accept_any_certificate: anybody can pose as this provider")


def test_a_check_reads_signatures(tmp_path: Path) -> None:
    """An operation whose signature cannot be served is found without serving it."""
    code = "from pi_server import Call, Service, get\n\nclass Made(Service):\n    root = '/m'\n\n"
    code += "    @get('/a/{missing}', public=True)\n    async def a(self, call: Call) -> None: ...\n"
    install(tmp_path / "site", "made", code)
    (tmp_path / "config.yaml").write_text("services: {made: {enabled: true}}")
    done = pi("check", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 78
    assert done.stderr.startswith("made: serve: services.made: ValueError: ")
    assert "missing" in done.stderr


def test_a_check_tells_which_declared_faults_have_no_rule(tmp_path: Path) -> None:
    """Nothing is wrong with that, but consumers would hear no more than that the provider refused."""
    site, shipped = tmp_path / "site", Path(inspect.getfile(pi_account_withdrawal)).parent
    install(site, "made", (shipped / "service.py").read_text(), value="pi_made:AccountWithdrawal")
    (site / "pi_made" / "files").mkdir()
    (site / "pi_made" / "files" / "bank.wsdl").write_text((shipped / "files" / "withdraw.wsdl").read_text())
    (tmp_path / "config.yaml").write_text(
        "services: {made: {enabled: true, bank: {endpoint: http://bank.invalid, wsdl: files/bank.wsdl}}}"
    )
    done = pi("check", cwd=tmp_path, PYTHONPATH=str(site))
    ok, line = done.stdout.splitlines()
    assert (done.returncode, ok) == (0, "ok: 1 plugins, 1 operations")
    assert line == "made: bank declares the fault INSUFFICIENT, which no rule of files/faults.yaml names"


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    """Without a configuration file the one line says which was looked for."""
    done = pi("check", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (78, "", "config.yaml: no such file\n")


def test_a_setting_without_a_value_is_a_wrong_use(tmp_path: Path) -> None:
    """``--set`` without ``=`` is told as such, with the status of a wrong use."""
    done = pi("check", "--set", "server.port", cwd=tmp_path)
    assert done.returncode == 2
    assert "KEY=VALUE" in done.stderr


def test_the_bare_command_helps(tmp_path: Path) -> None:
    """Without a verb the verbs are listed within 80 columns, and the version is the distribution's."""
    done = pi(cwd=tmp_path)
    assert done.returncode == 0
    assert all(f" {verb} " in done.stdout for verb in ("run", "check", "routes", "plugin", "config", "new"))
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert pi("--version", cwd=tmp_path).stdout == f"pi-server {VERSION}\n"


def shown_on_a_terminal(*arguments: str, cwd: Path, **variables: str) -> str:
    """What ``pi-server`` writes when its output is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=cwd, stdout=theirs, env=environment(TERM="xterm-256color", **variables)
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # how Linux tells that the other side is closed
        pass
    os.close(ours)
    assert process.wait(PATIENCE) == 0
    return shown.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("plugin", "list"),
        ("routes", "--chains"),
        pytest.param(("routes",), marks=pytest.mark.slow),
        pytest.param(("plugin", "doctor"), marks=pytest.mark.slow),
    ],
)
def test_colours_are_for_terminals_that_want_them(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Escape codes appear on a terminal, but neither with ``NO_COLOR`` nor in a pipe."""
    (tmp_path / "config.yaml").write_text(SHIPPED.read_text())
    assert "\x1b[" in shown_on_a_terminal(*arguments, cwd=tmp_path)
    assert "\x1b[" not in shown_on_a_terminal(*arguments, cwd=tmp_path, NO_COLOR="1")
    assert "\x1b[" not in pi(*arguments, cwd=tmp_path).stdout
