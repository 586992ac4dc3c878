"""What the tests of the logs share."""

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log file that does not exist, in a directory that does not exist."""
    return tmp_path / "logs" / "api" / "api.log"
