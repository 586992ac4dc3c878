"""``pi-server new``: what it writes works as it is."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from pi_server.cli.new import Kind, new, write_package
from pi_server.testing import api_records, assert_pairs
from tests.parts.processes import running

ROOT = Path(__file__).parents[2]
KINDS: tuple[Kind, ...] = ("soap", "rest")

app = typer.Typer()
app.command()(new)


def say(*arguments: str) -> Result:
    """What the command answers to ``arguments``."""
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "300", "NO_COLOR": "1"})


@dataclass(frozen=True)
class Made:
    """A package that the command wrote, what it said, and where the package was installed."""

    kind: Kind
    folder: Path
    said: str
    site: Path

    def run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a Python module with the package installed."""
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=cwd or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        """That of a shell in which pi-server and the package are installed."""
        paths = f"{self.site}{os.pathsep}{ROOT}"
        return {**os.environ, "PYTHONPATH": paths, "MYPYPATH": str(ROOT), "NO_COLOR": "1"}


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A package of each kind, installed where nothing else is."""
    here = tmp_path_factory.mktemp(request.param)
    done = say("probe_shop", "--kind", request.param, "--dir", str(here))
    assert done.exit_code == 0, done.output
    package = Made(request.param, here / "probe_shop", done.output, here / "site")
    pip = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
    installed = package.run(*pip, str(package.site), str(package.folder))
    assert installed.returncode == 0, installed.stderr
    return package


def test_the_package_passes_its_own_test(made: Made) -> None:
    """Without a server, without a warning."""
    done = made.run("pytest", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_package_is_tidy(made: Made) -> None:
    """Nothing is left to format, and the linter's own rules and the order of imports are kept."""
    for verb in (("format", "--check"), ("check", "--extend-select", "I,D1,ANN")):
        done = made.run("ruff", *verb, "--no-cache", ".")
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_is_typed(made: Made, checked_types: str) -> None:
    """Strict mypy has nothing to say, with the package's own settings."""
    done = made.run("mypy", "--cache-dir", checked_types, "pi_probe_shop", "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_told_what_to_do_next(made: Made) -> None:
    """The printed steps name the installation, the test, and a section that the README shows too."""
    section = "services:\n" + made.said.partition("services:\n")[2].partition("\n\n")[0]
    assert yaml.safe_load(section)["services"]["probe_shop"]["enabled"] is True
    assert section in (made.folder / "README.md").read_text()
    assert f"pip install -e '{made.folder}[test]'" in made.said
    assert f"pytest {made.folder}" in made.said
    assert "$" not in made.said


@pytest.fixture
def served(made: Made, tmp_path: Path) -> Iterator[str]:
    """What ``pi-server run --sandbox`` prints with the package installed and the printed section pasted."""
    section = made.said.partition("services:\n")[2].partition("\n\n")[0]
    (tmp_path / "config.yaml").write_text(f"server: {{port: 0}}\nservices:\n{section}\n")
    output = tmp_path / "output"
    environment = [f"{name}={value}" for name, value in made.environment.items() if name in ("PYTHONPATH", "NO_COLOR")]
    server = [sys.executable, "-u", "-m", "pi_server", "run", "--sandbox", "--config", str(tmp_path / "config.yaml")]
    with running(["env", *environment, *server], output, lambda: bool(_curl(output.read_text()))):
        yield output.read_text()


def test_the_package_serves_with_its_stand_in(made: Made, served: str, tmp_path: Path) -> None:
    """The printed call is answered by way of the stand-in, with a pair of API-log records."""
    done = subprocess.run(_curl(served), shell=True, capture_output=True, text=True, check=True)  # noqa: S602 - as printed
    assert '"total":"5.00"' in done.stdout, done.stdout
    records = api_records(tmp_path / "var" / "logs" / "api.log")
    assert len(records) == 2
    assert_pairs(records)


def _curl(text: str) -> str:
    """The call that ``run --sandbox`` prints, on one line, or nothing yet."""
    found = re.search(r"^curl .*\n", text.replace("\\\n", ""), re.MULTILINE)
    return found[0] if found else ""


def test_soap_is_the_default(tmp_path: Path) -> None:
    """The plugin that the documentation begins with asks a SOAP provider."""
    assert say("one", "--dir", str(tmp_path)).exit_code == 0
    assert (tmp_path / "one" / "pi_one" / "files" / "one.wsdl").is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_collides_with_the_template(kind: Kind, tmp_path: Path) -> None:
    """Names that Python or the example uses already, and very long ones, give packages that compile and are tidy."""
    names = ["order", "price", "service", "decimal", "exception", "none", "call", "a", "x2", "a" * 40, "ab_" * 13 + "c"]
    for name in names:
        for file in write_package(name, kind, tmp_path / name):
            if file.suffix == ".py":
                compile(file.read_text(), file, "exec")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--extend-select", "I,A", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--no-cache", "--check", "."], cwd=tmp_path, check=False
    )
    assert formatted.returncode == 0
    service = (tmp_path / "service" / "pi_service" / "service.py").read_text()
    assert "class ServiceService(Service):" in service


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("CamelCase", "snake case"),
        ("with-dash", "snake case"),
        ("with space", "snake case"),
        ("2nd", "snake case"),
        ("_hidden", "snake case"),
        ("two__bars", "snake case"),
        ("end_", "snake case"),
        ("naïve", "snake case"),
        ("../elsewhere", "snake case"),
        ("line\n", "snake case"),
        ("", "snake case"),
        ("a" * 41, "at most 40"),
        ("class", "a word of Python"),
        ("match", "a word of Python"),
        ("server", "a package pi_server is installed already"),
    ],
)
def test_a_name_that_would_not_work_is_refused(name: str, reason: str, tmp_path: Path) -> None:
    """Nothing is written, and the reason is told without a traceback."""
    done = say(name, "--dir", str(tmp_path))
    assert done.exit_code == 2
    assert reason in done.output
    assert "Traceback" not in done.output
    assert not list(tmp_path.iterdir())


def test_an_installed_plugin_is_not_made_again(made: Made, tmp_path: Path) -> None:
    """The name of an installed service is taken."""
    code = "import typer; from pi_server.cli.new import new; typer.run(new)"
    done = subprocess.run(
        [sys.executable, "-c", code, "probe_shop"],
        cwd=tmp_path,
        env=made.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "'probe_shop' is installed already" in done.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A directory with anything in it, or a file, is left as it is; an empty directory is used."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("full", "file"):
        done = say(name, "--dir", str(tmp_path))
        assert done.exit_code == 2
        assert "exists already" in done.output
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    assert say("empty", "--dir", str(tmp_path)).exit_code == 0
    assert say("empty", "--dir", str(tmp_path)).exit_code == 2


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Below a file there are no directories; that is one line."""
    (tmp_path / "file").write_text("")
    done = say("shop", "--dir", str(tmp_path / "file"))
    assert done.exit_code == 2
    assert "Not a directory" in done.output
    assert "Traceback" not in done.output


def test_a_directory_on_the_way_is_made(tmp_path: Path) -> None:
    """``--dir`` need not exist."""
    assert say("shop", "--dir", str(tmp_path / "a" / "b")).exit_code == 0
    assert (tmp_path / "a" / "b" / "shop" / "pyproject.toml").is_file()
