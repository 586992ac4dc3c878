"""F42: a server whose files run out refuses connections, serves those it has, and recovers."""

import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.cli.processes import Serving, serving, wait_for

GET = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
FILES = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serving]:
    """A server that is started with few files allowed, of the many it may have."""
    (tmp_path / "config.yaml").write_text("logs: {dir: logs}")
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most // 2, most))
    with serving(cwd=tmp_path, until="http://") as running:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
        yield running


def _connect(server: Serving) -> socket.socket:
    host, _, port = server.address.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _status(connection: socket.socket) -> bytes:
    """The status of the answer to a ping; empty where the connection was closed."""
    with suppress(ConnectionError):
        connection.sendall(GET)
        return connection.recv(2**16)[9:12]
    return b""


def test_f42_connections_are_refused_while_files_run_out(server: Serving) -> None:
    """With 503 or closed, and a line that tells why; who is connected is served meanwhile, others afterwards."""
    pid = server.process.pid
    assert len(set(resource.prlimit(pid, resource.RLIMIT_NOFILE))) == 1  # it took all it may have
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    with ExitStack() as opened:
        first = opened.enter_context(_connect(server))
        assert _status(first) == b"200"
        statuses = [_status(opened.enter_context(_connect(server))) for _ in range(2 * FILES)]
        assert {b"200", b"503"} <= set(statuses) <= {b"200", b"503", b""}
        assert statuses.count(b"200") < FILES
        wait_for("refused (files)", server.folder / "logs" / "error.log")
        assert _status(first) == b"200"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with _connect(server) as later:
            if _status(later) == b"200":
                break
        time.sleep(0.1)
    with _connect(server) as later:
        assert _status(later) == b"200"
    assert "Traceback" not in (server.folder / "logs" / "error.log").read_text()


def test_f56_a_broken_pipe_is_no_reason_to_end(server: Serving) -> None:
    """SIGPIPE is ignored: what cannot be written is an error of that connection."""
    with _connect(server) as connection:
        assert _status(connection) == b"200"
        server.process.send_signal(signal.SIGPIPE)
        assert _status(connection) == b"200"
    assert server.stop() == 0
