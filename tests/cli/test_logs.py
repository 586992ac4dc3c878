"""``pi-server logs``: one call's whole story, and what comes next."""

import gzip
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import COMMAND, environment, pi, wait_for

CONFIG = "logs: {access: {output: access.log}, timezone: UTC}\n"
ACCESS = "[PI] 2026/11/28 - 02:50:34 | 502 |   3.105ms | 127.0.0.1 | POST /pay | call-1 | billing | 502 no\n"
OTHER = "[PI] 2026/11/28 - 02:50:33 | 200 |   3.105ms | 127.0.0.1 | POST /pay | call-10 | billing\n"
ASKED = '[2026-11-28 02:50:34,100] INFO {API_LOG} {"correlationId": "call-1", "flow": "REQUEST_OUT_PI"}\n'
ENDED = '[2026-11-28 02:50:34,300] INFO {API_LOG} {"correlationId": "call-1", "flow": "RESPONSE_IN_PI"}\n'
ERROR = (
    "[2026-11-28 02:50:34,200] ERROR pi_server.recovery [call-1 billing] POST /pay failed\n  Traceback:\n  ValueError\n"
)
QUIET = "[2026-11-28 02:50:35,000] INFO pi_server.server [-] stopped\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Logs of a bad second: the request record is in a file that was packed already."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    logs = tmp_path / "var/logs"
    logs.mkdir(parents=True)
    (logs / "access.log").write_text(OTHER + ACCESS)
    (logs / "api.log.2.gz").write_bytes(gzip.compress(ASKED.encode()))
    (logs / "api.log").write_text(ENDED)
    (logs / "error.log").write_text(ERROR + QUIET)
    return tmp_path


def test_one_call_is_told_in_the_order_of_time(folder: Path) -> None:
    """Both legs, the error with its trace, and the access line; nothing of a call whose id begins alike."""
    done = pi("logs", "--correlation-id", "call-1", cwd=folder, TZ="UTC")
    assert (done.returncode, done.stdout) == (0, ASKED + ERROR + ENDED + ACCESS), done.stderr


def test_the_last_entries_of_all_logs_are_merged(folder: Path) -> None:
    """By time, over all files that are written now; a trace belongs to its entry."""
    done = pi("logs", "--lines", "3", cwd=folder, TZ="UTC")
    assert done.stdout == ENDED + ACCESS + QUIET


def test_a_call_nobody_tells_of_is_no_silence(folder: Path) -> None:
    """One line says so, and the status is 1."""
    done = pi("logs", "--correlation-id", "call-3", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "nothing here tells of a call call-3\n")


def test_decisions_and_changes_by_operators_are_logs_too(folder: Path) -> None:
    """Among the others by their times, and by their names."""
    decided = '{"time": "2026-11-28T02:50:34.250+00:00", "decision": "refused", "correlationId": "call-1"}\n'
    changed = '{"at": "2026-11-28T02:50:36.000+00:00", "who": "uid 0", "action": "disable"}\n'
    (folder / "var/logs/decisions.log").write_text(decided)
    (folder / "var/logs/operators.log").write_text(changed)
    assert pi("logs", "--lines", "2", cwd=folder, TZ="UTC").stdout == QUIET + changed
    assert pi("logs", "decisions", cwd=folder).stdout == decided
    assert pi("logs", "--correlation-id", "call-1", cwd=folder, TZ="UTC").stdout == (
        ASKED + ERROR + decided + ENDED + ACCESS
    )


def test_only_the_logs_that_were_named(folder: Path) -> None:
    """By their names; another name is refused."""
    assert pi("logs", "error", cwd=folder, TZ="UTC").stdout == ERROR + QUIET
    refused = pi("logs", "nonesuch", cwd=folder)
    assert (refused.returncode, "there is no log 'nonesuch'" in refused.stderr) == (2, True)


def test_an_access_log_that_is_no_file_is_told(folder: Path) -> None:
    """Where its lines go, on standard error; asked for by its name it is an error. A daemon has a file all the same."""
    (folder / "config.yaml").write_text("logs: {timezone: UTC}\n")
    assert pi("logs", "access", cwd=folder).stdout == OTHER + ACCESS
    (folder / "var/logs/access.log").unlink()
    assert "the access log goes to stdout" in pi("logs", cwd=folder).stderr
    assert pi("logs", "access", cwd=folder).returncode == 1


def test_following_goes_on_through_a_rotation(folder: Path) -> None:
    """Lines before and after a rename and a cut come, each once, those of other calls not."""
    logs, told = folder / "var/logs", folder / "told.txt"
    with told.open("wb") as out:
        process = subprocess.Popen(
            ["env", "--default-signal=INT", *COMMAND, "logs", "--follow", "--correlation-id", "call-1"],
            cwd=folder,
            env=environment(TZ="UTC"),
            stdout=out,
        )
    try:
        wait_for(ACCESS, told, process)
        with (logs / "api.log").open("a") as file:
            file.write(ENDED.replace("call-1", "call-2") + ENDED.replace("34,300", "36,000"))
        wait_for("36,000", told, process)
        (logs / "api.log").rename(logs / "api.log.1")
        (logs / "api.log").write_text(ENDED.replace("34,300", "37,000"))
        wait_for("37,000", told, process)
        os.truncate(logs / "error.log", 0)
        with (logs / "error.log").open("a") as file:
            file.write(ERROR.replace("34,200", "38,000"))
        text = wait_for("38,000", told, process)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(30)
    assert status == 0
    assert [text.count(at) for at in ("36,000", "37,000", "38,000")] == [1, 1, 1]
    assert "call-2" not in text
