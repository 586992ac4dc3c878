"""What holds for the whole test run: tests have the same names in each, and no log that any left holds a secret."""

from __future__ import annotations

import gc

import pytest
from hypothesis import HealthCheck, settings

from tests.canaries import escaped, written_below

settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")  # a machine that stops for a moment has found nothing


@pytest.fixture(scope="session")
def checked_types(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where mypy keeps what it found in pi_server, for each test that asks it about something else."""
    return str(tmp_path_factory.mktemp("mypy"))


def pytest_collection_finish() -> None:
    """Keep the thousands of tests from the garbage collector, which stands still for a third of a second at each."""
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Call bytes by their argument: random and compressed ones are different in each process that collects them."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search all that the tests' servers wrote; the folders of failed and passed tests are still there."""
    factory: pytest.TempPathFactory | None = getattr(session.config, "_tmp_path_factory", None)
    found = escaped(written_below(factory.getbasetemp())) if factory else []
    if found:
        session.config.get_terminal_writer().line("\nsecrets in logs:\n" + "\n".join(found), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
