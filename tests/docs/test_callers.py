"""``docs/callers.md`` against the code."""

import ast
import json
import re

import pytest

from pi_server.config import ServerSection
from pi_server.config.units import size_text
from pi_server.domain import faults
from pi_server.domain.envelope import ENVELOPES
from pi_server.domain.faults import Detail, Fault, InvalidInput
from pi_server.domain.status_map import DEFAULTS
from pi_server.web.json_body import MAX_DEPTH, MAX_DIGITS, MAX_NODES
from tests.docs.pages import DOCS, ROOT, blocks

PAGE = DOCS / "callers.md"
ID = "4bf92f3577b34da6a3ce929d0e0e4736"
_ROW = re.compile(r"^\| (\d{3}|any) \| `(\w+)` \| [^|]+ \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)


def _declared() -> dict[str, Fault]:
    """Every fault that has a class of its own."""
    kinds = [kind for kind in vars(faults).values() if isinstance(kind, type) and issubclass(kind, Fault)]
    return {fault.code: fault for fault in (kind() for kind in kinds)}


def _mapped() -> dict[str, Fault]:
    """What becomes of a provider's failure that no rule foresaw."""
    return {then.code: Fault(then.code, then.status, then.message) for then in DEFAULTS.values()}


def _raised_elsewhere() -> dict[str, int | None]:
    """Codes and statuses in calls of ``Fault`` in the server itself; None for a status that is not fixed."""
    found: dict[str, int | None] = {}
    for path in (ROOT / "pi_server").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name("Fault"), args=[ast.Constant(str(code)), ast.Constant(int(status)), *_]):
                    found[code] = status
                case ast.Call(func=ast.Name("Fault"), args=[ast.Constant(str(code)), *_]):
                    found[code] = None
                case _:
                    pass
    return found


def test_every_fault_is_told() -> None:
    """The table holds each code of the code with its status, and no other."""
    known = {code: fault.status for code, fault in (_declared() | _mapped()).items()} | _raised_elsewhere()
    told = {code: None if status == "any" else int(status) for status, code, _ in _ROW.findall(PAGE.read_text())}
    assert told == known


def test_what_compat_hides_is_told() -> None:
    """The column says 200 exactly where the envelope does."""
    told = {code: compat for _, code, compat in _ROW.findall(PAGE.read_text())}
    for code, fault in (_declared() | _mapped()).items():
        hidden = ENVELOPES["compat"].failure(fault, ID).status == 200
        assert told[code] == ("200" if hidden else "kept"), code


def test_the_examples_are_what_the_envelopes_make() -> None:
    """Success and failure of each, and a fault with details."""
    data = b'{"trace":"T1","balance":"90.00"}'
    refused = Fault("insufficient_funds", 409, "The account does not hold this amount.")
    wrong = InvalidInput(details=(Detail("account", "Field required"), Detail("fee", "Extra inputs are not permitted")))
    semantic, problem, compat = ENVELOPES["semantic"], ENVELOPES["problem"], ENVELOPES["compat"]
    made = [
        semantic.success(data, ID),
        semantic.failure(refused, ID).body,
        problem.failure(refused, ID).body,
        compat.success(data, ID),
        compat.failure(refused, ID).body,
        semantic.failure(wrong, ID).body,
    ]
    assert [json.loads(block.text) for block in blocks(PAGE, "json")] == [json.loads(one) for one in made]


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        ("levels of nesting", str(MAX_DEPTH)),
        ("values in a document", str(MAX_NODES)),
        ("digits of a number", str(MAX_DIGITS)),
        ("size of a body", size_text(ServerSection().body_limit).replace("MiB", " MiB")),
    ],
)
def test_the_limits_are_those_of_the_code(limit: str, value: str) -> None:
    """A row names each limit."""
    assert re.search(rf"^\| {limit} \| {value}\b", PAGE.read_text(), re.MULTILINE)
