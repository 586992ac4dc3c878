"""The pages of the documentation, and what stands in them."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROOF = re.compile(r"`((?:tests|plugins)/[\w/]+\.py)::(\w+)`")
"""A test as a page names it: its file and its name."""

PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("plugins/*/**/*.md")))

_BLOCK = re.compile(
    r"(?:^\*\*`(?P<file>[^`]+)`\*\*\n\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the file it is the whole of, if it is one."""

    kind: str
    text: str
    file: str = ""


def blocks(page: Path, kind: str | None = None) -> list[Block]:
    """The fenced blocks of a page, in order; those of one ``kind`` only, if given."""
    found = [Block(match["kind"], match["text"], match["file"] or "") for match in _BLOCK.finditer(page.read_text())]
    return [block for block in found if kind in (None, block.kind)]


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text())


@cache
def proofs_in(file: str) -> frozenset[str]:
    """The names of the tests in a file, which is given from the root of the project."""
    tree = ast.parse((ROOT / file).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, kinds) and node.name.startswith("test_"))
