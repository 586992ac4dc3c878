"""What the plugin's own page and README say, against the plugin."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import subprocess
from pathlib import Path

from pi_accounts import faults
from pi_accounts.medical import DEEPEST, LARGEST, MOST_VALUES, MedicalRecord, Position
from pi_accounts.policy import LONGEST, SHORTEST
from pi_server import Fault
from pi_server.config import load
from pi_server.server.rehearsal import rehearse
from pi_server.testing import Served
from tests.accounts.scene import configuration
from tests.docs.pages import ROOT, blocks

PLUGIN = ROOT / "plugins" / "accounts"
PAGE = (PLUGIN / "docs" / "accounts.md").read_text()


def table(heading: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of the tables below a heading, without the first one of each."""
    text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in text.splitlines() if line[:1] == "|"]
    return [row for row in rows if len(row) == columns and not set(row[0]) <= {"-"}]


async def test_every_route_is_told(tmp_path: Path) -> None:
    """With who may ask, and whether it is for programs, for people, or for both."""
    services = {"services": {"accounts": {"enabled": True, "chain": "people"}}}
    (tmp_path / "config.yaml").write_text(json.dumps({**configuration(), **services}))
    mounts = (await rehearse(load(tmp_path / "config.yaml", {}, services=("accounts",)))).mounts
    known: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for operation in (mount.operation for mount in mounts):
        path = operation.path.removeprefix("/accounts") or "/"
        who = "anybody" if operation.public else "its owner" if "{" in path else "signed in"
        kinds = known.setdefault((operation.verb, f"`{path}`"), (who, set()))[1]
        kinds.add("page" if operation.page else "JSON")
    told = {(verb, path): (who, set(kinds.split(", "))) for verb, path, who, _, kinds in table("Routes", 5)[1:]}
    assert told == known


def test_every_field_is_told() -> None:
    """Of a record and of a position, with the bounds of further fields."""
    told = {name for names, _ in table("Fields", 2) for name in re.findall(r"`(\w+)`", names)}
    assert told == {*MedicalRecord.model_fields, *Position.model_fields}
    assert f"at most {DEEPEST} levels, {MOST_VALUES} values and {LARGEST // 1024} KiB" in PAGE
    assert f"{SHORTEST} to {LONGEST} characters" in PAGE


def test_every_error_is_told() -> None:
    """With its status and code."""
    classes = [kind for _, kind in inspect.getmembers(faults, inspect.isclass) if kind.__module__ == faults.__name__]
    known = {(str(kind.status), f"`{kind.code}`") for kind in classes if issubclass(kind, Fault)}
    assert {(status, code) for status, code, _ in table("Errors", 3)[1:]} == {*known, ("400", "`ParseErrorId`")}


def test_pictures_are_small() -> None:
    """Whoever reads the page should not wait for them."""
    pictures = sorted((PLUGIN / "docs").glob("*.png"))
    assert len(pictures) == 3
    assert all(
        picture.stat().st_size < 60_000 and picture.name in PAGE + (PLUGIN / "README.md").read_text()
        for picture in pictures
    )


async def test_what_the_readme_says_to_type_works(server: Served) -> None:
    """A record is added, and listed."""
    (script,) = blocks(PLUGIN / "README.md", "sh")
    text = script.text.replace("http://127.0.0.1:8080", server.url).replace("curl ", "curl -sS ")
    done = subprocess.Popen(["bash", "-c", text], stdout=subprocess.PIPE, text=True)
    while done.poll() is None:
        await asyncio.sleep(0.05)
    assert done.stdout is not None
    with done.stdout:
        answers = [json.loads(line) for line in done.stdout.read().replace("}{", "}\n{").splitlines()]
    assert answers[-1]["data"]["records"][0] == answers[-2]["data"]
