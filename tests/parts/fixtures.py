"""The real providers as fixtures, started when a test first asks for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.processes import script

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def soap_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a bank on spyne: ``/soap11/`` and ``/soap12/``."""
    with script(HERE / "soap_provider.py", tmp_path_factory.mktemp("soap_provider")) as url:
        yield url


@pytest.fixture(scope="session")
def rest_provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a market, and of everything that can go wrong with one."""
    with script(HERE / "rest_provider.py", tmp_path_factory.mktemp("rest_provider")) as url:
        yield url
