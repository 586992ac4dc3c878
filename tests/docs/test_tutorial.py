"""``docs/tutorial.md``, followed step by step."""

import json
from collections.abc import Iterator

import pytest

from tests.docs.following import Reader, Serving, without_ids
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "tutorial.md"


def _shown(start: str) -> str:
    return next(block.text for block in blocks(PAGE, "") if block.text.startswith(start))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Up to step 3: the package is made and installed, and the configuration written."""
    found = Reader(tmp_path_factory.mktemp("my-services"), tmp_path_factory.mktemp("site"))
    done = found.run("pi_server", "new", "corner_shop")
    assert done.returncode == 0, done.stderr
    found.install("./corner_shop")
    (found.folder / "config.yaml").write_text(blocks(PAGE, "yaml")[0].text)
    return found


def test_the_package_has_the_files_of_the_tree(reader: Reader) -> None:
    """No more and no less."""
    drawn = {line.rpartition("── ")[2].split()[0] for line in _shown("corner_shop/").splitlines() if "." in line}
    made = [path for path in (reader.folder / "corner_shop").rglob("*.*") if "build" not in path.parts]
    assert drawn == {path.name for path in made if path.suffix != ".pyc"}


def test_what_is_shown_is_in_the_package(reader: Reader) -> None:
    """Each piece of code or YAML is a piece of what was written."""
    package = reader.folder / "corner_shop" / "pi_corner_shop"
    service, rules = (package / "service.py").read_text(), (package / "files" / "faults.yaml").read_text()
    *pieces, added = [block.text for block in blocks(PAGE, "python")]
    assert all(piece in service for piece in pieces)
    assert blocks(PAGE, "yaml")[1].text in rules
    compile(service.replace("le=1000)]\n", f"le=1000)]\n{added}", 1), "service.py", "exec")


def test_the_check_is_as_shown(reader: Reader) -> None:
    """Also after the mistake that the page suggests."""
    assert reader.run("pi_server", "check").stdout == _shown("ok:")
    right = reader.folder / "config.yaml"
    wrong = reader.folder / "wrong" / "config.yaml"
    wrong.parent.mkdir()
    wrong.write_text(right.read_text().replace("shop:", "shopp:").replace("corner_shopp:", "corner_shop:"))
    done = reader.run("pi_server", "check", "--config", str(wrong))
    assert (done.returncode, done.stderr.replace(str(wrong), "config.yaml")) == (78, _shown("corner_shop: bind"))


@pytest.fixture(scope="module")
def serving(reader: Reader) -> Iterator[Serving]:
    """Step 4."""
    with reader.serving() as found:
        yield found


def test_the_answers_are_as_shown(serving: Serving) -> None:
    """The order, the one that does not fit, and the one that is too large; the second leaves no record."""
    changes: list[dict[str, str]] = [{}, {'"item"': '"itm"', "2}": '"many"}'}, {"2}": "50}"}]
    answers = [serving.paste(_changed(serving.curl, change)) for change in changes]
    assert [without_ids(answer) for answer in answers] == [
        without_ids(json.loads(b.text)) for b in blocks(PAGE, "json")
    ]
    log = (serving.logs / "api.log").read_text()
    assert [log.count(f'"correlationId": "{answer["correlationId"]}"') for answer in answers] == [2, 0, 2]


def _changed(line: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in line
        line = line.replace(old, new)
    return line
