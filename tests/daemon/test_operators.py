"""The verbs of an operator: a server in the background, seen, reloaded and stopped from another terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
import trustme

from tests.cli.made_up import install
from tests.cli.processes import environment, pi
from tests.daemon.servers import daemon
from tests.parts.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a plugin and a configuration."""
    install(tmp_path / "site", "made")
    section = {"server": {"port": 0, "linger": "100ms"}, "services": {"made": {"enabled": True}}}
    (tmp_path / "config.yaml").write_text(json.dumps(section))
    return tmp_path


@pytest.fixture
def background(home: Path) -> Generator[int]:
    """The pid of a server that was started in the background."""
    done = ask(home, "run", "--daemon", "--workers", "2")
    assert done.returncode == 0, done.stderr
    pid = int(done.stdout.split()[-1])
    yield pid
    if Path(f"/proc/{pid}").exists():
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end")


def ask(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of an operator."""
    return pi(*arguments, cwd=home, PYTHONPATH=str(home / "site"))


def test_a_server_goes_on_in_the_background(home: Path, background: int) -> None:
    """The command ends once the workers serve; what runs is seen, reloaded and stopped."""
    seen = ask(home, "ps")
    lines = seen.stdout.splitlines()
    assert lines[0].split() == ["id", "name", "version", "pid", "uptime", "restarts", "status", "cpu", "mem"]
    assert [line.split()[1] for line in lines[1:4]] == ["master", "worker", "worker"]
    assert lines[1].split()[3] == str(background)
    assert all(" serving " in line for line in lines[1:4])
    assert "serves http://127.0.0.1:" in lines[4]
    assert ask(home, "reload").stdout == "reloaded: all workers are new\n"
    assert ask(home, "stop").stdout == f"stopped: pid {background}\n"
    gone = ask(home, "ps")
    assert (gone.returncode, gone.stdout) == (69, "")
    assert gone.stderr.startswith("no server runs here: ")


def test_a_second_server_is_refused_with_the_pid_of_the_first(home: Path, background: int) -> None:
    """In the same folder by its lock, elsewhere by the port."""
    assert ask(home, "run", "--daemon").stderr == f"a server already runs here: its pid is {background}\n"
    assert ask(home, "run", "--workers", "1").stderr == f"a server already runs here: its pid is {background}\n"
    assert ask(home, "run").stderr == f"a server already runs here: its pid is {background}\n"
    port = re.search(r":(\d+)", ask(home, "ps").stdout.splitlines()[-1])
    assert port is not None
    other = ask(home, "run", "--workers", "1", "--port", port[1], "--set", "server.data_dir=other")
    assert other.returncode == 69
    assert f"(pid {background} listens there)" in other.stderr


def test_a_refused_reload_is_told_where_it_was_asked_for(home: Path, background: int) -> None:
    """The reason, a line each, and that the old configuration serves; `ps` remembers it."""
    (home / "config.yaml").write_text('{"services": {"made": {"enabled": true}}, "chains": {"made": ["nobody"]}}')
    refused = ask(home, "reload")
    assert refused.returncode == 1
    assert refused.stderr.endswith("refused: the old configuration still serves\n")
    assert "was refused: " in ask(home, "ps").stdout
    assert Path(f"/proc/{background}").exists()


@pytest.mark.parametrize("spoilt", ['{"server": {"prot": 1}}', "server: {"])
def test_a_spoilt_file_hides_no_server(home: Path, background: int, spoilt: str) -> None:
    """Every verb says what is wrong with it, and does its work: the server is seen, asked, read and stopped."""
    (home / "config.yaml").write_text(spoilt)
    refused = ask(home, "reload")
    assert refused.returncode == 1
    assert re.fullmatch(r".*/config.yaml:1: .*\nrefused: the old configuration still serves\n", refused.stderr)
    for verb in (["ps"], ["service", "list"], ["providers"], ["logs", "error"], ["stop"]):
        done = ask(home, *verb)
        assert done.returncode == 0, done.stderr
        lines = done.stderr.splitlines()
        assert lines[0].startswith("config.yaml:1: ")
        assert lines[1] == "this is not in effect: a server that runs has its configuration from before"
        assert verb != ["ps"] or f" {background} " in done.stdout
    assert ask(home, "ps").stderr.splitlines()[-1].startswith("no server runs here: ")


def test_a_plugin_that_is_not_served_is_told_by_every_verb_that_could_hide_it(home: Path) -> None:
    """At the start, by `ps`, in the list of services, and after a reload: with its reason."""
    config = json.loads((home / "config.yaml").read_text())
    (home / "config.yaml").write_text(json.dumps({**config, "services": {"made": {"enabled": True, "wurd": 1}}}))
    try:
        told = f"made is not served: bind: services.made.wurd: unknown key ({home}/config.yaml:1)"
        begun = ask(home, "run", "--daemon")
        assert begun.returncode == 0
        assert begun.stderr.startswith(told)
        assert told in ask(home, "ps").stdout
        assert told in ask(home, "service", "list").stdout
        assert ask(home, "reload").stderr.startswith(told)
    finally:
        ask(home, "stop")


def test_a_start_that_fails_in_the_background_is_told(home: Path) -> None:
    """What was said, and where the rest of it is."""
    (home / "config.yaml").write_text(
        '{"server": {"strict": true}, "services": {"made": {"enabled": true, "wurd": 1}}}'
    )
    done = ask(home, "run", "--daemon")
    assert done.returncode == 78
    assert "wurd" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("it did not start; ")


@pytest.mark.slow
def test_a_lock_that_was_left_behind_means_nothing(home: Path) -> None:
    """The pid in it may be anybody's by now."""
    (home / "var").mkdir()
    (home / "var/pi-server.pid").write_text(f"{os.getpid()}\n")
    assert ask(home, "ps").returncode == 69
    assert ask(home, "run", "--daemon").returncode == 0
    assert ask(home, "stop").returncode == 0


def test_one_process_alone_is_seen_and_stopped_too(home: Path) -> None:
    """It has no master; a reload says how to have one."""
    with (home / "out.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pi_server", "run"],
            cwd=home,
            env=environment(PYTHONPATH=str(home / "site")),
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: b" serves " in (home / "out.txt").read_bytes())
        assert ask(home, "ps").stdout.splitlines()[1].split()[1:4] == ["server", "0.1.0", str(process.pid)]
        assert "start it with --workers 1 or more" in ask(home, "reload").stderr
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: b"one process alone cannot reload" in (home / "out.txt").read_bytes())
        assert ask(home, "stop").returncode == 0
    finally:
        process.kill()
        process.wait()


def test_a_monitor_without_a_server_says_so(home: Path) -> None:
    """As the other verbs do."""
    done = ask(home, "monitor")
    assert (done.returncode, done.stderr.startswith("no server runs here: ")) == (69, True)


def test_a_monitor_shows_the_processes(home: Path, background: int) -> None:
    """On a terminal it draws until the server ends, and says so."""
    leader, follower = os.openpty()
    watching = subprocess.Popen(
        [sys.executable, "-m", "pi_server", "monitor", "--every", "0.2"],
        cwd=home,
        env=environment(PYTHONPATH=str(home / "site"), TERM="xterm"),
        stdout=follower,
    )
    os.close(follower)
    told = b""
    with os.fdopen(leader, "rb", buffering=0) as terminal, suppress(OSError):  # which is how a terminal tells its end
        while str(background).encode() not in told:
            told += terminal.read(4096)
        ask(home, "stop")
        while more := terminal.read(4096):
            told += more
    assert watching.wait(60) == 0
    assert b"the server has ended" in told


def test_a_unit_for_systemd_names_this_installation(home: Path) -> None:
    """The paths are absolute, and the time to stop is longer than draining."""
    unit = ask(home, "startup", "--user", "pi").stdout
    assert f"ExecStart={Path(sys.executable).parent}/pi-server run --config {home}/config.yaml --workers auto" in unit
    assert "TimeoutStopSec=50" in unit
    assert "User=pi" in unit


async def test_a_unix_socket_is_for_owner_and_group(tmp_path: Path) -> None:
    """One that was left behind is replaced; a reload keeps it; the end removes it."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with daemon(tmp_path, server={"unix": "s"}) as server:
        assert path.stat().st_mode & 0o777 == 0o660
        assert server.reload()["ok"]
        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession(connector=connector) as session, session.get("http://pi/made/up") as answer:
            assert answer.status == 200
        assert server.stop() == 0
    assert not path.exists()


async def test_consumers_can_be_served_by_https(tmp_path: Path) -> None:
    """With a certificate and its key; a reload takes a new one."""
    authority = trustme.CA()
    context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())

    def write(certificate: trustme.LeafCert) -> None:
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        certificate.private_key_pem.write_to_path(tmp_path / "key.pem")

    write(authority.issue_cert("127.0.0.1"))
    with daemon(tmp_path, server={"tls": {"cert": "cert.pem", "key": "key.pem"}}) as server:
        assert server.url.startswith("https://")
        for _ in range(2):
            async with aiohttp.ClientSession() as session, session.get(f"{server.url}/made/up", ssl=context) as answer:
                assert answer.status == 200
            write(authority.issue_cert("127.0.0.1"))
            assert server.reload()["ok"]
        (tmp_path / "key.pem").write_text("no key")
        refused = server.reload()
        assert not refused["ok"]
        assert "server.tls" in refused["problems"][0]


def test_sockets_of_systemd_are_taken(home: Path) -> None:
    """LISTEN_FDS: the address is the one systemd bound, and no other."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        script = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3);"
            "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
            "os.execv(sys.executable, [sys.executable, '-m', 'pi_server', 'run', '--workers', '1'])"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(given.fileno())],
            cwd=home,
            env=environment(PYTHONPATH=str(home / "site")),
            stdout=subprocess.PIPE,
            pass_fds=[given.fileno()],
        )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().endswith(f" serves http://127.0.0.1:{port}\n".encode())
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stdout.close()
