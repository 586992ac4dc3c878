"""What the server's own log tells of a call, and what no log tells."""

import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pi_server import Call, Service, get
from pi_server.config import Config, LogsSection
from pi_server.domain.faults import Unrecorded
from pi_server.domain.readiness import Readiness
from pi_server.domain.turn import Turn
from pi_server.server.logs import Logs
from pi_server.testing import Serve
from tests.parts.waiting import until


class Shaky(Service):
    """A service with a mistake in it."""

    root = "/shaky"

    @get("/break")
    async def fall(self, call: Call) -> str:
        """Fail."""
        raise RuntimeError("a plugin's mistake")


async def test_a_failure_names_the_call_and_its_consumer(serve: Serve) -> None:
    """Between brackets: the correlation id, then who called."""
    async with serve(Shaky) as server:
        headers = {**server.headers, "activityid": "call-1"}
        async with server.session.get("/shaky/break", headers=headers) as answer:
            assert answer.status == 500
        told = (server.logs / "error.log").read_text()
    assert "ERROR pi_server.recovery [call-1 test] GET /shaky/break failed\n" in told


async def test_a_session_in_the_query_is_masked(serve: Serve) -> None:
    """The names of the cookies that are credentials are secret names, wherever they are sent."""
    async with serve(Shaky, config={"sessions": {"cookie": "falcon-ng"}}) as server:
        async with server.session.get("/shaky?falcon-ng=sealed&falcon-ng-csrf=proof&page=1"):
            pass
        (line,) = await server.access_log()
    assert "/shaky?falcon-ng=***&falcon-ng-csrf=***&page=1" in line


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A folder in which no log can be written."""
    for name in ("access", "api", "audit", "error"):
        (tmp_path / f"{name}.log").symlink_to("/dev/full")
    return tmp_path


async def test_what_a_full_disk_takes_is_counted(full: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By log; standard error has a line for each file and no trace, and what must be on record is refused."""
    async with AsyncExitStack() as opened:
        logs = Logs(Config(logs=LogsSection(dir=full)), Turn(), Readiness(), opened)
        for _ in range(3):
            logging.getLogger("pi_server.test").warning("lost")
        with pytest.raises(Unrecorded):
            logs.audit().record(Call(), "read", whose="bob")
        await until(lambda: logs.lost["error"] == 3, "the lines of the error log")
        assert logs.lost == {"error": 3, "stderr": 0, "api": 0, "access": 0, "audit": 1}
        told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("pi-server: ")]
    assert len(told) == 2


async def test_a_full_disk_makes_a_worker_unready_until_there_is_space(full: Path) -> None:
    """It looks by itself: nobody may ask it meanwhile."""
    readiness, turn = Readiness(), Turn()
    async with AsyncExitStack() as opened:
        logs = Logs(Config(logs=LogsSection(dir=full)), turn, readiness, opened)
        logs.api.close_abandoned('"made": "up"')
        turn.flush()
        assert dict(readiness.reasons) == {"logs": "the API log cannot be written"}
        (full / "api.log").unlink()
        await until(lambda: not readiness.reasons and (full / "api.log").exists(), "a log")
        assert "made" in (full / "api.log").read_text()


async def test_all_files_are_opened_again(tmp_path: Path) -> None:
    """The server's own, the API log, the audit log and the access log."""
    async with AsyncExitStack() as opened:
        logs = Logs(
            Config(logs=LogsSection.model_validate({"dir": tmp_path, "access": {"output": "access.log"}})),
            Turn(),
            Readiness(),
            opened,
        )
        logs.audit()
        for path in list(tmp_path.glob("*.log")):
            path.rename(f"{path}.1")
        logs.reopen()
        assert {path.name for path in tmp_path.glob("*.log")} == {"access.log", "api.log", "audit.log", "error.log"}
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.log")} == {0o640}
