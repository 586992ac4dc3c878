"""``docs/pages.md``, followed to the letter."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.async_api import expect

import pi_server.pages
from pi_server import Service
from pi_server.domain.operation import operations_of
from pi_server.domain.pages import SERVERS_OWN
from pi_server.testing import Serve
from tests.cli.processes import Serving, environment, serving
from tests.docs.following import Reader
from tests.docs.pages import DOCS, blocks, prose
from tests.parts.browser import Tab, tab

__all__ = ["tab"]

PAGE = DOCS / "pages.md"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Every file of the page, written and installed."""
    found = Reader(tmp_path_factory.mktemp("guest-book"), tmp_path_factory.mktemp("site"))
    for block in blocks(PAGE):
        if block.file:
            path = found.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    found.install(".")
    return found


def test_the_page_holds_every_file_of_its_tree() -> None:
    """The files drawn in the tree are those that are written."""
    (tree,) = [block.text for block in blocks(PAGE, "") if block.text.startswith("guest-book/")]
    drawn = {line.rpartition("── ")[2] for line in tree.splitlines() if "." in line}
    assert drawn == {Path(block.file).name for block in blocks(PAGE) if block.file}


def test_its_own_tests_pass_without_a_server(reader: Reader) -> None:
    """And without a warning."""
    done = reader.run("pytest", "-W", "error", "-p", "no:cacheprovider")
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout


def test_the_types_are_right(reader: Reader, checked_types: str) -> None:
    """Strict mypy finds nothing to say about the plugin, its test and the examples of the reference."""
    (reader.folder / "reference.py").write_text("\n".join(_examples()))
    done = reader.run("mypy", "--strict", "--cache-dir", checked_types, "pi_guest_book", "tests", "reference.py")
    assert (done.returncode, done.stdout.startswith("Success")) == (0, True), done.stdout


def _examples() -> list[str]:
    return [block.text for block in blocks(PAGE, "python") if not block.file]


@pytest.fixture(scope="module")
def server(reader: Reader) -> Iterator[Serving]:
    """The plugin, started as the page says, but on a free port."""
    with serving(cwd=reader.folder, PYTHONPATH=reader.environment["PYTHONPATH"]) as found:
        yield found


@pytest.mark.browser
async def test_a_guest_writes_and_a_program_reads(reader: Reader, server: Serving, tab: Tab) -> None:
    """What is told to do in a browser, done in one; then the page's own line gives the answer it shows."""
    await tab.page.goto(f"{server.address}/guests/")
    await tab.page.get_by_label("Your name").fill("Ann")
    await tab.page.locator("form").evaluate("form => { form.noValidate = true }")
    await tab.page.get_by_role("button", name="Write").click()
    await expect(tab.page.locator("#text-error")).to_have_text("Please fill this in.")
    await expect(tab.page.get_by_label("Your name")).to_have_value("Ann")
    await tab.page.get_by_label("Your greeting").fill("<b>Thanks!</b>")
    await tab.page.get_by_role("button", name="Write").click()
    await expect(tab.page.get_by_role("article")).to_contain_text("<b>Thanks!</b>")
    assert all("422" in complaint for complaint in tab.complaints)
    (line,) = [block.text for block in blocks(PAGE, "sh") if block.text.startswith("curl")]
    asked = line.strip().replace("http://127.0.0.1:8080", server.address)
    done = subprocess.run(
        ["bash", "-c", f"{asked} -sS"], cwd=reader.folder, env=environment(), capture_output=True, text=True, check=True
    )
    (shown,) = [block.text for block in blocks(PAGE, "json")]
    assert _settled(done.stdout) == _settled(shown)


def _settled(answer: str) -> str:
    return re.sub(r'"[0-9a-f]{32}"', '"ID"', re.sub(r'"\d{4}-\d\d-\d\dT[0-9:.]+Z"', '"TIME"', answer.strip()))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """All examples of the reference in one module, as they stand, with a template for each page they name."""
    module = ModuleType("examples_of_pages")
    module.__file__ = str(tmp_path_factory.mktemp("examples") / "service.py")
    sys.modules[module.__name__] = module
    for text in _examples():
        exec(compile(text, module.__name__, "exec"), vars(module))  # noqa: S102 - the examples themselves
    folder = Path(module.__file__).parent / "templates"
    folder.mkdir()
    for name in re.findall(r'Page\("(\w+\.html)"', "".join(_examples())):
        (folder / name).write_text("{% for text in (form or {}).errors.values() %}{{ text }}{% endfor %}")
    yield module
    del sys.modules[module.__name__]


async def test_every_example_is_served(serve: Serve, examples: ModuleType) -> None:
    """With forms, redirects, texts and a sign-in, as the page says."""
    services: list[Any] = [one for one in vars(examples).values() if isinstance(one, type) and issubclass(one, Service)]
    (chains,) = [block.text for block in blocks(PAGE, "yaml") if "members" in block.text]
    assert "[session, csrf]" in chains
    config = {"chains": {"members": ["session", "csrf"]}, "services": {"club": {"chain": "members"}}}
    served = [one for one in services if one is not Service]
    assert {one.__name__ for one in served} == {"Robots", "Theatre", "Club"}
    assert all(operation.page for one in served for operation in operations_of(one))
    async with serve(*served, config=config) as server:

        async def ask(verb: str, path: str, **given: Any) -> tuple[int, str, str]:
            async with server.session.request(verb, path, allow_redirects=False, headers=server.page, **given) as it:
                return it.status, it.headers.get("Location", ""), await it.text()

        assert (await ask("GET", "/robots.txt"))[2] == "User-agent: *\nDisallow: /\n"
        book = "/theatre/book"
        assert await ask("POST", book, data={"name": "ann"}) == (422, "", "A name begins with a capital letter.")
        assert await ask("POST", book, data={"name": "A", "seats": "5"}) == (422, "", "Only four are left.")
        assert await ask("POST", book, data={"name": "A"}) == (303, "/theatre/thanks", "")
        assert await ask("GET", "/theatre/search") == (200, "", "")
        assert (await ask("GET", "/club/"))[:2] == (303, "/club/sign-in?next=/club/")
        wrong = await ask("POST", "/club/sign-in", data={"name": "A", "password": "x"})
        assert wrong == (401, "", "The name or the password is wrong.")
        right = {"name": "A", "password": "swordfish"}
        assert (await ask("POST", "/club/sign-in?next=/club/%3Fx", data=right))[:2] == (303, "/club/?x")
        assert (await ask("POST", "/club/sign-out"))[:2] == (303, "/club/sign-in")


def test_every_public_name_is_told() -> None:
    """Each name of the module, each of a form's, and each that a template is given."""
    told = {word for span in re.findall(r"`[^`]+`", prose(PAGE)) for word in re.findall(r"\w+", span)}
    form = {name for name in vars(pi_server.pages.Form) if not name.startswith("_")}
    assert {*pi_server.pages.__all__, *form, *SERVERS_OWN} <= told
    assert {field.name for field in fields(pi_server.pages.Form)} <= told
