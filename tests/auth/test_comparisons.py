"""No secret is compared with ``==``, whose time tells how much was right: a look at the source of the package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pi_server

_SECRET = re.compile("token|secret|signature|digest|password", re.IGNORECASE)
_ALLOWED: dict[str, str] = {}
"""``file: expression`` and why it is no comparison of a secret."""


def _name(node: ast.expr) -> str:
    """What a compared value is called: of ``a.b``, ``b()`` and ``x["b"]`` it is ``b``."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return _name(function)
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Subscript(value=value) | ast.Await(value=value) | ast.NamedExpr(target=value):
            return _name(value)
        case _:
            return ""


def _plain_comparisons(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Compare)
            and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
            and any(_SECRET.search(_name(side)) for side in (node.left, *node.comparators))
        ):
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "wrong",
    [
        "token == x",
        "x != self.known_digest",
        "digest(x) == y",
        "x['password'] == y",
        "1 < 2 == secrets[0]",
        "(await signature()) == y",
    ],
)
def test_the_check_finds_plain_comparisons(wrong: str) -> None:
    """Names, attributes, calls, items: each of them."""
    assert list(_plain_comparisons(wrong))


def test_no_secret_is_compared_plainly() -> None:
    """Nowhere in the package stands ``==`` or ``!=`` beside a name that secrets have."""
    package = Path(pi_server.__file__).parent
    found = {
        f"{file.relative_to(package)}: {comparison}"
        for file in package.rglob("*.py")
        for comparison in _plain_comparisons(file.read_text(encoding="utf-8"))
    }
    assert found == set(_ALLOWED)
