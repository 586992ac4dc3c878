"""``docs/writing-plugins.md``, followed to the letter."""

import dataclasses
import json
import re
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_type_hints

import pytest
import yaml

import pi_server
from pi_server import RestProvider, Service, SoapProvider
from pi_server.domain.faults import ProviderFailure
from pi_server.domain.status_map import StatusMap, Then, When
from pi_server.testing import FakeProvider, api_records, assert_pairs, serve
from tests.docs.following import Reader, Serving, without_ids
from tests.docs.pages import DOCS, blocks, prose

PAGE = DOCS / "writing-plugins.md"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Every file of the page, written and installed."""
    found = Reader(tmp_path_factory.mktemp("account-withdrawal"), tmp_path_factory.mktemp("site"))
    for block in blocks(PAGE):
        if block.file:
            path = found.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    found.install(".")
    return found


def test_the_page_holds_every_file_of_its_tree() -> None:
    """The files drawn in the tree are those that are written."""
    (tree,) = [block.text for block in blocks(PAGE, "") if block.text.startswith("account-withdrawal/")]
    drawn = {line.rpartition("── ")[2] for line in tree.splitlines() if "." in line}
    assert drawn == {Path(block.file).name for block in blocks(PAGE) if block.file}


def test_its_own_test_passes_without_a_server(reader: Reader) -> None:
    """And without a warning."""
    done = reader.run("pytest", "-W", "error", "-p", "no:cacheprovider")
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


def test_the_examples_of_the_page_about_tests_pass(reader: Reader) -> None:
    """Pasted into a test file of its own in this plugin, every example of ``docs/testing-plugins.md`` passes."""
    examples = {f"example_{n}.py": block.text for n, block in enumerate(blocks(DOCS / "testing-plugins.md", "python"))}
    for name, text in examples.items():
        (reader.folder / name).write_text(text)
    done = reader.run("pytest", "-p", "no:cacheprovider", *examples)
    assert (done.returncode, f"{len(examples)} passed" in done.stdout) == (0, True), done.stdout


def test_it_is_listed_as_the_page_shows(reader: Reader) -> None:
    """``plugin list`` prints the page's table (and below it the plugins that are installed here anyway)."""
    shown = next(block.text for block in blocks(PAGE, "") if block.text.startswith("name "))
    assert _words(reader.run("pi_server", "plugin", "list").stdout)[:2] == _words(shown)


@pytest.fixture(scope="module")
def serving(reader: Reader) -> Iterator[Serving]:
    """The plugin, started as the page says."""
    with reader.serving() as found:
        yield found


def test_the_printed_line_withdraws_money(serving: Serving) -> None:
    """The answers are those of the page, and both legs are on record with the page's own message."""
    first, refused = (json.loads(block.text) for block in blocks(PAGE, "json"))
    assert without_ids(serving.paste(serving.curl)) == without_ids(first)
    too_much = serving.paste(serving.curl.replace('"10.00"', '"1000.00"'))
    assert without_ids(too_much) == without_ids(refused)
    records = api_records(serving.logs / "api.log")
    assert_pairs(records)
    assert ":Withdraw " in records[0].payload
    assert records[0].fields["apiTo"] == "api/account/v1.0/withdraw"
    assert ["INSUFFICIENT" in record.payload for record in records] == [False, False, False, True]


def test_it_is_documented(serving: Serving) -> None:
    """The page is there, and the document describes the operation."""
    with urllib.request.urlopen(f"{serving.url}/docs", timeout=10) as page:  # noqa: S310 - our own server
        assert page.status == 200
    with urllib.request.urlopen(f"{serving.url}/openapi.json", timeout=10) as document:  # noqa: S310 - as above
        assert "post" in json.load(document)["paths"]["/api/account/v1.0/withdraw"]


def _words(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


# --- the reference ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fragments() -> Iterator[ModuleType]:
    """All examples of the reference in one module, as they stand."""
    module = ModuleType("fragments_of_writing_plugins")
    sys.modules[module.__name__] = module
    for text in (block.text for block in blocks(PAGE, "python") if not block.file):
        exec(compile(text, module.__name__, "exec"), vars(module))  # noqa: S102 - the examples themselves
    module.__file__ = __file__
    yield module
    del sys.modules[module.__name__]


def _made(cls: type[Service]) -> Service:
    """An instance whose providers know no message."""
    fields = get_type_hints(cls)
    values: dict[str, Any] = {}
    for one in dataclasses.fields(cls):  # type: ignore[arg-type] # a Service is one once it is derived from
        if fields[one.name] in (SoapProvider, RestProvider):
            values[one.name] = FakeProvider({})
        elif isinstance(fields[one.name], type) and issubclass(fields[one.name], Service):
            values[one.name] = _made(fields[one.name])
    return cls(**values)


def _services(module: ModuleType) -> list[type[Service]]:
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Service)]
    return [cls for cls in found if cls is not Service and cls.root]


async def test_every_service_of_the_reference_serves(fragments: ModuleType) -> None:
    """Each example binds and starts."""
    services = _services(fragments)
    assert len(services) == 10
    async with serve(*map(_made, services)) as server, server.session.get("/ping") as response:
        assert response.status == 200


ASKED: list[tuple[str, str, Any, int, Any]] = [
    ("GET", "/api/greeter/v1.0/greet/you", None, 200, {"text": "Hello, you!"}),
    ("GET", "/api/shelves/v1.0/3/items?colour=red&sizes=1&sizes=2", None, 200, [{"name": "red 1"}, {"name": "red 2"}]),
    ("PUT", "/api/shelves/v1.0/3", [{"name": "x"}], 204, None),
    ("POST", "/api/shelves/v1.0/3/search?limit=1", {"name": "x"}, 200, {"name": "x"}),
    ("POST", "/api/orders/v1.0", None, 201, {"number": 7}),
    ("GET", "/api/mirror/v1.0/me", None, 200, {"name": "test", "may_read": True}),
    ("PUT", "/api/seats/v1.0/13", None, 404, None),
    ("POST", "/api/payments/v1.0", {"amount": "1"}, 400, None),
    ("GET", "/api/private/v1.0/now", None, 200, "now"),
    ("GET", "/api/library/v1.0/hours", None, 200, "9 to 5"),
    ("GET", "/api/library/v1.0/books/4", None, 200, {"name": "book 4"}),
    ("GET", "/api/ticker/v1.0", None, 200, 1),
]


async def test_the_examples_answer_as_they_say(fragments: ModuleType) -> None:
    """Input, output, reply, call, middleware, nesting and lifespan are as the page tells."""
    async with serve(*map(_made, _services(fragments))) as server:
        for verb, path, body, status, data in ASKED:
            async with server.session.request(verb, path, json=body, headers=server.headers) as response:
                answer: Any = None if status == 204 else await response.json()
                assert (response.status, answer and answer.get("data")) == (status, data), path
                assert (response.headers["Cache-Control"] == "private, max-age=60") == ("private" in path)
                assert (response.headers.get("Location") == "/api/orders/v1.0/7") == ("orders" in path)


def test_the_rules_of_the_reference_can_be_used() -> None:
    """The examples are status maps, and the tables tell every condition, kind and key."""
    texts = [block.text for block in blocks(PAGE, "yaml") if block.text.startswith("faults:") and not block.file]
    assert [len(StatusMap.model_validate(yaml.safe_load(text)).faults) for text in texts] == [2, 1]
    told = set(re.findall(r"`(\w+)", prose(PAGE)))
    assert {field.alias or name for name, field in When.model_fields.items()} <= told
    assert {*Then.model_fields, *get_args(ProviderFailure)} <= told


def test_every_public_name_is_told() -> None:
    """The sixteen names of `pi_server` are named in the prose, and no other module is."""
    told = set(re.findall(r"`(\w+)`", prose(PAGE)))
    assert set(pi_server.__all__) <= told
    assert len(pi_server.__all__) == 16
