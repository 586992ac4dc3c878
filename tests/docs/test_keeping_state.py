"""``docs/keeping-state.md``, followed to the letter."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import pi_server.data
import pi_server.security
from pi_server.config import load
from tests.cli.processes import Serving, environment, serving
from tests.docs.following import Reader
from tests.docs.pages import DOCS, blocks, prose

PAGE = DOCS / "keeping-state.md"
_VARYING = (
    (r'"[0-9a-f]{32}"', '"ID"'),
    (r'"\d{4}-\d\d-\d\dT[0-9:.]+Z"', '"TIME"'),
    (r'"next":"[^"]+"', '"next":"NEXT"'),
)
_OPERATIONS = {
    "notes.sign_up": "",
    "notes.sign_in": " > csrf",
    "notes.token": "",
    "notes.sign_out": " > session|jwt > csrf",
    "notes.write": " > session|jwt > csrf",
}
"""What stands before some operations, behind the links that stand before all."""


def _settled(answer: str) -> Any:
    """An answer with its ids, times and cursors made equal."""
    for pattern, same in _VARYING:
        answer = re.sub(pattern, same, answer)
    return json.loads(answer)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Every file of the page, written and installed."""
    found = Reader(tmp_path_factory.mktemp("notes"), tmp_path_factory.mktemp("site"))
    for block in blocks(PAGE):
        if block.file:
            path = found.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    found.install(".")
    return found


def test_the_page_holds_every_file_of_its_tree() -> None:
    """The files drawn in the tree are those that are written."""
    (tree,) = [block.text for block in blocks(PAGE, "") if block.text.startswith("notes/")]
    drawn = {line.rpartition("── ")[2] for line in tree.splitlines() if "." in line}
    assert drawn == {Path(block.file).name for block in blocks(PAGE) if block.file}


def test_its_own_tests_pass_without_a_server(reader: Reader) -> None:
    """And without a warning."""
    done = reader.run("pytest", "-W", "error", "-p", "no:cacheprovider")
    assert (done.returncode, "6 passed" in done.stdout) == (0, True), done.stdout


def test_the_types_are_right(reader: Reader, checked_types: str) -> None:
    """Strict mypy finds nothing to say about the plugin or its test."""
    done = reader.run("mypy", "--strict", "--cache-dir", checked_types, "pi_notes", "tests")
    assert (done.returncode, done.stdout.startswith("Success")) == (0, True), done.stdout


@pytest.fixture(scope="module")
def server(reader: Reader) -> Iterator[Serving]:
    """The plugin, started as the page says, but on a free port."""
    with serving(cwd=reader.folder, PYTHONPATH=reader.environment["PYTHONPATH"]) as found:
        yield found


def test_every_request_is_answered_as_shown(reader: Reader, server: Serving) -> None:
    """All shell blocks of the page, pasted one after the other into one shell."""
    asked = "".join(block.text for block in blocks(PAGE, "sh") if "curl" in block.text)
    assert "SITE=http://127.0.0.1:8080\n" in asked
    script = asked.replace("http://127.0.0.1:8080", server.address)
    done = subprocess.run(
        ["bash", "-c", f'curl() {{ command curl -sS -w "\\n" "$@"; }}\n{script}'],
        cwd=reader.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = [_settled(line) for line in done.stdout.splitlines() if line]
    assert answers == [_settled(block.text) for block in blocks(PAGE, "json")]
    assert done.stderr == ""


def test_no_password_and_no_access_is_kept_or_written_down(reader: Reader, server: Serving) -> None:
    """Neither in the stores, nor in any log."""
    assert server.process.poll() is None
    files = [path for path in (reader.folder / "var").rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in files) + (reader.folder / "stdout.txt").read_bytes()
    assert b"$argon2id$" in everything
    for secret in (b"long walk home", b"long walks home", b"eyJ"):
        assert secret not in everything


def test_the_chains_are_printed(reader: Reader) -> None:
    """Sign-in stands behind the CSRF link and no credential; notes behind both."""
    done = reader.run("pi_server", "routes", "--chains")
    assert done.returncode == 0, done.stderr
    routes = [" ".join(route.split()) for route in re.split(r"^(?=\S)", done.stdout, flags=re.MULTILINE)]
    ends = {name: "/".join(re.findall(rf"{name} .*> in_flight(.*)", "\n".join(routes))) for name in _OPERATIONS}
    assert ends == _OPERATIONS


def test_the_other_stores_are_two_lines(tmp_path: Path) -> None:
    """And they are what the configuration takes."""
    block = next(block for block in blocks(PAGE, "yaml") if "stores" in block.text)
    assert len(yaml.safe_load(block.text)["stores"]) == 2
    (tmp_path / "config.yaml").write_text(block.text)
    stores = load(tmp_path / "config.yaml", {}).config.stores
    assert stores.documents.startswith("mongodb://")
    assert stores.keys.count(",") == 2


def test_every_public_name_is_told() -> None:
    """Each name of the two modules stands on the page, and each method of a collection."""
    told = set(re.findall(r"\w+", PAGE.read_text()))
    assert {*pi_server.data.__all__, *pi_server.security.__all__} <= told
    methods = {name for name in vars(pi_server.data.Collection) if not name.startswith("_")}
    assert methods <= set(re.findall(r"`(\w+)\(", prose(PAGE)))
