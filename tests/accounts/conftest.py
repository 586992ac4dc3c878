"""The real servers that the plugin is served with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pi_server.testing import Served
from tests.accounts.scene import serving
from tests.parts.mongo import mongo_database, mongod

__all__ = ["mongo_database", "mongod"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    """The plugin as it is shipped: everything in files of SQLite."""
    async with serving(tmp_path / "server") as served:
        yield served
