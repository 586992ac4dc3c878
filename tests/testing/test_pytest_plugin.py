"""The fixtures, in a pytest of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TEST = '''
import pytest
from pathlib import Path
from pi_server import Call, Service, get
from pi_server.testing import Serve


class Hello(Service):
    root = "/hello"

    @get("/", public=True)
    async def hello(self, call: Call) -> None:
        """Greet."""


def test_call(call: Call) -> None:
    assert call == Call(correlation_id=call.correlation_id)


@pytest.mark.asyncio
async def test_serve(serve: Serve, tmp_path: Path) -> None:
    async with serve(Hello()) as server, server.session.get("/hello") as response:
        assert response.status == 204
    assert (tmp_path / "config.yaml").is_file()
'''


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_fixtures_work_in_both_modes(mode: str, tmp_path: Path) -> None:
    """The plugin's fixtures are sync, so that it does not matter how async tests are found."""
    (tmp_path / "test_it.py").write_text(TEST)
    settings = "-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"
    done = _pytest(tmp_path, *settings, "--asyncio-mode", mode, "test_it.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_plugin_imports_nothing_that_takes_time(tmp_path: Path) -> None:
    """Whoever has pi-server installed does not wait for aiohttp or zeep in every pytest run."""
    heavy = "aiohttp", "zeep", "lxml", "typer", "rich"
    (tmp_path / "test_it.py").write_text(
        f"import sys\ndef test_it() -> None:\n    assert not {{*{heavy}}} & {{*sys.modules}}\n"
    )
    done = _pytest(tmp_path, "test_it.py")
    assert done.returncode == 0, done.stdout + done.stderr


def _pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "pi_server.testing.pytest_plugin", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
