"""``docs/middleware.md``, followed to the letter."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pi_server import middlewares
from tests.docs.following import Reader, without_ids
from tests.docs.pages import DOCS, blocks, prose

PAGE = DOCS / "middleware.md"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Every file of the page, written and installed."""
    found = Reader(tmp_path_factory.mktemp("sunset"), tmp_path_factory.mktemp("site"))
    for block in blocks(PAGE):
        if block.file:
            path = found.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    found.install(".")
    return found


def _shown(start: str) -> str:
    return next(block.text for block in blocks(PAGE, "") if block.text.startswith(start))


def test_the_page_holds_every_file_of_its_tree() -> None:
    """The files drawn in the tree are those that are written."""
    drawn = {line.rpartition("── ")[2] for line in _shown("sunset/").splitlines() if "." in line}
    assert drawn == {Path(block.file).name for block in blocks(PAGE) if block.file}


def test_its_own_test_passes(reader: Reader) -> None:
    """And without a warning."""
    done = reader.run("pytest", "-W", "error", "-p", "no:cacheprovider")
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout


def test_it_stands_where_the_page_shows(reader: Reader) -> None:
    """``routes --chains`` prints the page's lines."""
    done = reader.run("pi_server", "routes", "--chains")
    assert (done.stdout, done.stderr) == (_shown("POST "), "")


def test_the_standing_links_are_those_of_the_table(reader: Reader) -> None:
    """In the page's order, when those are configured that need it."""
    table = re.findall(r"^\| `(\w+)` \|", prose(PAGE).partition("### Named chains")[0], re.MULTILINE)
    keys = ("cors.origins=[https://app.example]", "limits.rates.address=9/second", "sandbox.header=x-pi-sandbox")
    wanted = [word for key in keys for word in ("--set", key)]
    shown = " ".join(reader.run("pi_server", "routes", "--chains", *wanted).stdout.split())
    assert " > ".join(table) + " > token > sunset" in shown


def test_it_announces_the_end(reader: Reader) -> None:
    """The page's header."""
    with reader.serving() as serving:
        answer = subprocess.check_output(["bash", "-c", f"{serving.curl} -sS -i"], text=True, timeout=20)
        assert _shown("Sunset:") in answer


def test_then_it_refuses(reader: Reader, tmp_path: Path) -> None:
    """With the page's change the page's answer."""
    text = (reader.folder / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text.replace("2099-12-31", "2020-01-01"))
    with replace(reader, folder=tmp_path).serving() as serving:
        (shown,) = (json.loads(block.text) for block in blocks(PAGE, "json"))
        assert without_ids(serving.paste(serving.curl)) == without_ids(shown)


MISTAKES = [
    ({"[token, sunset]": "[sunset, token]"}, 78, "chains.closing: must name credentials first"),
    ({"[token, sunset]": "[token, sunsett]"}, 78, "unknown link 'sunsett'"),
    ({"  sunset: {": "  sunst: {"}, 78, "middlewares.sunst: no installed package offers this middleware"),
    ({"ends: 2099-12-31": "ends: soon"}, 78, "account_withdrawal: "),
    ({"chain: closing": "chain: public"}, 78, "is not public, and nothing guards it in the chain public"),
]


@pytest.mark.parametrize(("change", "status", "told"), MISTAKES)
def test_mistakes_are_told_before_anything_is_served(
    reader: Reader, tmp_path: Path, change: dict[str, str], status: int, told: str
) -> None:
    """What breaks a rule of the page is refused by ``check``."""
    text = (reader.folder / "config.yaml").read_text()
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "config.yaml").write_text(text)
    done = reader.run("pi_server", "check", "--config", str(tmp_path / "config.yaml"))
    assert (done.returncode, told in done.stderr) == (status, True), done.stderr


def test_every_name_is_told() -> None:
    """The page names all that the module offers to authors."""
    told = set(re.findall(r"`(\w+)[`(]", prose(PAGE)))
    assert set(middlewares.__all__) <= told
