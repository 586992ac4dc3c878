"""Templates and static files as they are read when a plugin is bound, and what keeps one from being served."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pi_server.domain.pages import PageFilesError
from pi_server.web.pages import files as reading
from pi_server.web.pages.files import read_page_files
from tests.cli.made_up import install
from tests.cli.processes import pi

PLUGIN = """
from typing import ClassVar
from pi_server import Call, Service, get, post
from pi_server.pages import Page, Redirect, Text

class Made(Service):
    root = "/made"
    SIGN_IN

    @get("/up", public=True)
    async def up(self, call: Call) -> str:
        return "up"

    @get("/page", public=True, page=True)
    async def page(self, call: Call) -> RETURNED:
        return Page("page.html")

    MORE
"""


METHOD = """
    @get("{path}", public=True{more})
    async def other(self, call: Call{argument}) -> {kind}: ...
"""


def write(folder: Path, contents: Mapping[str, str | bytes]) -> Path:
    """A package with these files."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def problems(folder: Path) -> list[tuple[str, str]]:
    """What is wrong with the files of a package."""
    with pytest.raises(PageFilesError) as caught:
        read_page_files(folder)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("source", "place", "reason"),
    [
        ("<p>\n{% if x %}\n", "templates/a.html:2", "Unexpected end of template"),
        ("\n\n{{ x | nothing_like_it }}", "templates/a.html:3", "No filter named 'nothing_like_it'"),
        ("{{ x is nothing_like_it }}", "templates/a.html:1", "No test named 'nothing_like_it'"),
        ("{% nothing %}", "templates/a.html:1", "unknown tag 'nothing'"),
        ('{% extends "b.html" %}', "templates/a.html", "names b.html, which does not exist"),
        ('{% include "part/b.html" %}', "templates/a.html", "names part/b.html, which does not exist"),
        (b"<p>\xff", "templates/a.html", "is not UTF-8 at byte 3"),
    ],
)
def test_a_broken_template_is_named_with_its_line(tmp_path: Path, source: str | bytes, place: str, reason: str) -> None:
    """Before anything is asked for it, and together with every other."""
    found = problems(write(tmp_path, {"templates/a.html": source, "templates/z.html": "{{"}))
    assert any(one == place and reason in why for one, why in found)
    assert ("templates/z.html:1", "unexpected 'end of template'") in found


@pytest.mark.parametrize(
    ("name", "reason"), [("x.exe", "has no type that is served; there is .avif .css"), ("noname", "has no type")]
)
def test_a_file_without_a_known_type_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    """No browser shall have to guess."""
    ((place, why),) = problems(write(tmp_path, {f"static/{name}": "x", "static/good.css": ""}))
    assert (place, why.startswith(reason)) == (f"static/{name}", True)


def test_files_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each, and all together: they are kept in memory."""
    write(tmp_path, {"static/a.css": b"x" * 60, "static/b.css": b"x" * 40})
    monkeypatch.setattr(reading, "LARGEST_FILE", 50)
    assert problems(tmp_path) == [("static/a.css", "has more than 50 bytes, which is what is kept in memory")]
    monkeypatch.setattr(reading, "LARGEST_FILE", 60)
    monkeypatch.setattr(reading, "LARGEST_FOLDER", 99)
    assert problems(tmp_path) == [("static", "holds more than 99 bytes, which is what is kept in memory")]
    monkeypatch.setattr(reading, "LARGEST_FOLDER", 100)
    assert set(read_page_files(tmp_path).static) == {"a.css", "b.css"}


def test_no_file_leads_out_of_its_folder(tmp_path: Path) -> None:
    """A link to one elsewhere is refused."""
    write(tmp_path, {"secret.txt": "x", "static/a.css": ""})
    (tmp_path / "static" / "s.txt").symlink_to(tmp_path / "secret.txt")
    assert problems(tmp_path) == [("static/s.txt", "leads out of the folder")]


def test_both_folders_may_be_missing(tmp_path: Path) -> None:
    """A plugin of texts and redirects has neither; hidden files are nobody's."""
    assert read_page_files(tmp_path).static == {}
    found = read_page_files(
        write(tmp_path, {"static/.DS_Store": "x", "static/.git/a.css": "", "templates/x.bak": "{{"})
    )
    assert found.static == {}


@pytest.mark.parametrize(
    ("sign_in", "returned", "more", "line"),
    [
        ("", "Page", "", "bind: templates/page.html:2: No filter named 'shout'"),
        ('sign_in_page: ClassVar[str] = "/signin"', "Page", "", "the sign-in page /made/signin is no public page"),
        ('sign_in_page: ClassVar[str] = "/up"', "Page", "", "the sign-in page /made/up is no public page"),
        ("", "str", "", "serve: services.made: ValueError: page: a page returns Page, Redirect or Text"),
        ("", "Page | str", "", "page: a page returns Page, Redirect or Text"),
        (
            "",
            "Page",
            METHOD.format(path="/page", argument="", more=", page=True", kind="Page"),
            "GET /made/page is served twice",
        ),
        (
            "",
            "Page",
            METHOD.format(path="/x", argument="", more="", kind="Page | None"),
            "for people, so it needs page=True",
        ),
        (
            "",
            "Page",
            METHOD.format(path="/static/{x:*}", argument=", x: str", more="", kind="str"),
            "GET /made/static/{name:*} is served twice",
        ),
    ],
)
def test_a_plugin_whose_pages_cannot_work_is_not_served(
    tmp_path: Path, sign_in: str, returned: str, more: str, line: str
) -> None:
    """``check`` tells phase, place and reason."""
    source = PLUGIN.replace("SIGN_IN", sign_in or "...").replace("RETURNED", returned).replace("MORE", more or "...")
    install(tmp_path / "site", "made", source)
    broken = "\n{{ 1 | shout }}" if line.startswith("bind: templates") else "fine"
    write(tmp_path / "site" / "pi_made", {"templates/page.html": broken, "static/a.css": ""})
    (tmp_path / "config.yaml").write_text("services: {made: {enabled: true}}\n")
    done = pi("check", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode != 0
    assert line in " ".join((done.stdout + done.stderr).split())


def test_a_server_without_pages_does_not_load_jinja(tmp_path: Path) -> None:
    """Nor is it loaded to find that out; with a page it is."""
    for page in (False, True):
        source = PLUGIN.replace("SIGN_IN", "...").replace("RETURNED", "Page").replace("MORE", "...")
        source += "\nimport atexit, sys\natexit.register(lambda: print('jinja2' in sys.modules))\n"
        folder = tmp_path / str(page)
        install(folder / "site", "made", source if page else source.replace(", page=True", "").replace("-> Page", ""))
        write(folder / "site" / "pi_made", {"templates/page.html": "fine"})
        (folder / "config.yaml").write_text("services: {made: {enabled: true}}\n")
        done = pi("check", cwd=folder, PYTHONPATH=str(folder / "site"))
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, str(page)), done


def test_the_public_module_is_light() -> None:
    """What a plugin imports at its start loads neither Jinja2 nor aiohttp."""
    code = "import sys, pi_server.pages; print({'jinja2', 'markupsafe', 'aiohttp'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
