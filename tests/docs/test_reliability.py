"""``docs/reliability.md``, and what ``docs/operating.md`` says of providers, against the code."""

import re
from typing import Any

import pytest
import yaml

from pi_server.domain.status_map import DEFAULTS
from pi_server.providers.settings import RestSettings, SoapSettings
from pi_server.web.time_budget import TIMEOUT_HEADER
from tests.docs.pages import DOCS, PROOF, blocks, proofs_in, prose

PAGE = DOCS / "reliability.md"
_ROW = re.compile(r"^\| (F\d\d) \| .+$", re.MULTILINE)
ROWS = {match[1]: match[0] for match in _ROW.finditer(prose(PAGE))}


def test_every_fault_has_its_row() -> None:
    """From F01 to F60, in order and each once."""
    assert _ROW.findall(prose(PAGE)) == [f"F{number:02}" for number in range(1, 61)]


@pytest.mark.parametrize("row", ROWS)
def test_each_row_is_proved(row: str) -> None:
    """Its last column names a test."""
    assert PROOF.search(ROWS[row].split(" | ")[-1])


@pytest.mark.parametrize("row", [row for row in ROWS if "test_what_a_provider_answers" in ROWS[row]])
def test_a_row_of_the_common_test_is_one_of_its_cases(row: str) -> None:
    """A case has the id of its row."""
    assert f'id="{row}"' in (DOCS.parent / "tests/end_to_end/test_fault_table.py").read_text()


def test_every_proof_exists() -> None:
    """Each test that the page names."""
    text = PAGE.read_text()
    named = PROOF.findall(text)
    assert len(named) == text.count("::")
    assert all(name in proofs_in(file) for file, name in named)


def test_the_codes_are_those_of_the_status_map() -> None:
    """What the consumer gets is what the code says without a rule."""
    codes = {f"{then.status} `{then.code}`" for then in DEFAULTS.values()}
    for page in (PAGE, DOCS / "operating.md"):
        for found in re.findall(r"50\d `provider_\w+`", prose(page)):
            assert found in codes | {"502 `provider_unreachable`"}


def test_the_section_in_operating_is_a_providers() -> None:
    """Every key of the example is known."""
    shown = [yaml.safe_load(block.text) for block in blocks(DOCS / "operating.md", "yaml")]
    sections: list[dict[str, Any]] = [
        value
        for one in shown
        for service in one.get("services", {}).values()
        for value in service.values()
        if isinstance(value, dict) and "endpoint" in value
    ]
    for section in sections:
        (SoapSettings if "wsdl" in section else RestSettings).model_validate(section)
    assert any("pace" in section for section in sections)


def test_the_defaults_in_the_table_are_those_of_the_code() -> None:
    """What holds without a word."""
    settings = RestSettings.model_validate({"endpoint": "http://bank.example"})
    page = re.sub(r"\s+", " ", prose(DOCS / "operating.md"))
    assert f"| deadline | {settings.timeout:g} s |" in page
    assert settings.retry.times == 1
    assert f"outnumber successes by {settings.breaker.failures} within {settings.breaker.window:g} s" in page
    assert f"one exchange each {settings.breaker.probe:g} s" in page
    assert f"`connections` ({settings.connections}), {settings.bulkhead.queue} waiting" in page
    assert f"{settings.bulkhead.queue} waiting, {settings.bulkhead.wait:g} s each" in page
    assert settings.pace.requests == 0


def test_the_header_of_a_consumers_time_is_told() -> None:
    """By its name, where consumers look."""
    assert f"`{TIMEOUT_HEADER}`" in prose(DOCS / "callers.md")
