"""The API-log lines in the documentation, and what the README shows."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from pi_server.audit.payload import CAP, truncation
from pi_server.testing import golden_lines
from tests.docs.following import Reader, without_ids
from tests.docs.pages import DOCS, ROOT, blocks, prose

README = ROOT / "README.md"
GOLDEN = ROOT / "tests" / "golden" / "withdrawal_full.log"
API_LOG = DOCS / "api-log.md"
_LINE = re.compile(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] INFO \{API_LOG\} (\{.*\})$")


def _records(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(match[1]) for line in lines if (match := _LINE.match(line))]


def _lines(page: Path) -> list[str]:
    return [line for block in blocks(page, "") for line in block.text.splitlines() if '{API_LOG} {"' in line]


def test_the_lines_have_the_fields_of_the_golden_ones() -> None:
    """Names and order are those of the locked lines, in the examples and in the README."""
    golden = [list(record) for record in _records(GOLDEN.read_text().splitlines())]
    for page in (API_LOG, README):
        assert [list(record) for record in _records(_lines(page))] == golden, page


def test_the_table_has_the_fields_in_the_order_of_the_line() -> None:
    """Each row tells in which records its field is."""
    rows = re.findall(r"^\| `(\w+)` \| (yes)? ?\| (yes)? ?\|", prose(API_LOG), re.MULTILINE)
    request, response = (list(record) for record in _records(_lines(API_LOG)))
    assert [name for name, sent, _ in rows if sent] == request
    assert [name for name, _, got in rows if got] == response


def test_the_cap_is_told() -> None:
    """The size of a payload and the mark of a cut one are those of the code."""
    mark = truncation(b"x" * (CAP + 1)).replace(str(CAP + 1), "N")
    assert f"at most {CAP // 1024} KiB, then `{mark}`" in API_LOG.read_text()


def test_failures_are_counted_by_provider(tmp_path: Path) -> None:
    """The shell line of the page for operators finds answers other than success, and no others."""
    (line,) = [block.text for block in blocks(DOCS / "operating.md", "sh") if "uniq -c" in block.text]
    golden = ROOT / "tests" / "golden"
    log = tmp_path / "var" / "logs" / "api.log"
    log.parent.mkdir(parents=True)
    log.write_text((golden / "unreachable.log").read_text() * 2 + GOLDEN.read_text())
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "bank", "502"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A folder with the shipped configuration."""
    reader = Reader(tmp_path_factory.mktemp("shipped"), tmp_path_factory.mktemp("nothing"))
    (reader.folder / "config.yaml").write_text((ROOT / "config.yaml").read_text())
    return reader


def test_the_readme_shows_what_is_seen(shipped: Reader) -> None:
    """Output, answer and records are those of a run, but for ports, times, ids and the token."""
    with shipped.serving() as server:
        answer = server.paste(server.curl)
        lines = (server.logs / "api.log").read_text().splitlines()
    (printed,) = [block.text for block in blocks(README, "") if block.text.startswith("pi-server")]
    (shown,) = [json.loads(block.text) for block in blocks(README, "json")]
    assert _plain(server.said) == _plain(printed)
    assert without_ids(answer) == without_ids(shown)
    assert [_plain(line) for line in golden_lines(lines)] == [_plain(line) for line in golden_lines(_lines(README))]


def _plain(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
    text = re.sub(r"x-srv-token: [\w-]{43}", "TOKEN", text)
    text = re.sub(r"-[0-9a-f]{16}-01\b", "-SPAN-01", text)
    return re.sub(r"\b[0-9a-f]{32}\b", "ID", text).strip()


def test_the_readmes_plugin_is_the_shipped_one() -> None:
    """The class it shows is in the plugin, word for word."""
    shipped = (ROOT / "plugins/account_withdrawal/pi_account_withdrawal/service.py").read_text()
    (shown,) = blocks(README, "python")
    assert all(part.strip() in shipped for part in shown.text.split("\n\n\n"))
