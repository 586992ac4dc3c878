"""The fixtures every test may ask for; pytest loads this at its start, so it imports nothing that takes time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pi_server import Call
    from pi_server.testing import Serve


@pytest.fixture
def call() -> Call:
    """A complete call by nobody in particular, without a deadline."""
    from pi_server import Call

    return Call()


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Serve services, as `pi_server.testing.serve` does, with all files in the test's ``tmp_path``."""
    from pi_server.testing import serve

    return partial(serve, directory=tmp_path)
