"""What holds for every page of the documentation."""

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pi_server.cli import app
from pi_server.config import load
from tests.docs.pages import DOCS, PAGES, ROOT, blocks, prose
from tests.docs.tables import TABLES, place

_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_IN_SHELL = re.compile(r"^pi-server (.+)$", re.MULTILINE)
_IN_SPAN = re.compile(r"`pi-server ([^`\n]+)`")
_HOME = re.compile(r"(?<![\w.:/])/(?:home|root|srv|tmp|usr|opt|var|Users)/")
PAGE_IDS = [str(page.relative_to(ROOT)) for page in PAGES]
GROUPS = {"plugin", "config", "token", "mask"}


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each file is there, and each heading in it."""
    for link in _LINK.findall(prose(page)):
        file, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / file) if file else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


def test_every_page_is_in_the_index() -> None:
    """Nobody has to guess that a page exists."""
    linked = set(_LINK.findall((DOCS / "index.md").read_text()))
    assert {page.name for page in DOCS.glob("*.md")} - {"index.md"} <= linked


def _commands(page: Path) -> list[list[str]]:
    """Every command in a code span or a shell block, as words."""
    shell = "".join(block.text for block in blocks(page, "sh"))
    return [words.split() for words in (*_IN_SHELL.findall(shell), *_IN_SPAN.findall(prose(page)))]


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_command_exists(page: Path) -> None:
    """Each ``pi-server ...`` with its options is one that the program knows."""
    for words in _commands(page):
        if words == ["stand-in"]:
            continue  # what a stand-in calls itself
        verbs = words[: 2 if words[0] in GROUPS else 1] if words[0][0] != "-" else []
        shown = CliRunner().invoke(app, [*verbs, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
        assert shown.exit_code == 0, words
        assert all(word in shown.output for word in words if word.startswith("--")), words


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_every_configuration_loads(page: Path, tmp_path: Path) -> None:
    """Each YAML block is a whole file that is accepted, or the rules of a status map."""
    for block in blocks(page, "yaml"):
        if yaml.safe_load(block.text).keys() == {"faults"}:
            continue  # followed in the tests of its page
        (tmp_path / "config.yaml").write_text(block.text)
        load(tmp_path / "config.yaml", {})


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_no_path_of_somebodys_machine_is_told(page: Path) -> None:
    """Pages speak of files relative to the reader's own folder."""
    assert not _HOME.search(page.read_text())


@pytest.mark.parametrize("name", TABLES)
def test_generated_tables_are_up_to_date(name: str) -> None:
    """If this fails, run ``python -m tests.docs.tables``."""
    page, table = TABLES[name]
    found = place(name).search((DOCS / page).read_text())
    assert found is not None
    assert found[0] == table()
