"""What holds for the whole test run: no log or stream that any test left holds one of its secrets."""

from __future__ import annotations

import pytest

from tests.canaries import escaped, written_below


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search all that the tests' servers wrote; the folders of failed and passed tests are still there."""
    factory: pytest.TempPathFactory | None = getattr(session.config, "_tmp_path_factory", None)
    found = escaped(written_below(factory.getbasetemp())) if factory else []
    if found:
        session.config.get_terminal_writer().line("\nsecrets in logs:\n" + "\n".join(found), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
