"""``docs/credentials.md``: what it shows is accepted, and what it says of times is so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from pi_server.config import explain, load
from pi_server.domain.certificate import SOON, Certificate
from pi_server.domain.message import WireResponse
from pi_server.providers.credentials import tokens
from pi_server.providers.credentials.oauth2 import grant
from pi_server.providers.settings import RestSettings
from tests.docs.pages import DOCS, Block, blocks, prose

PAGE = DOCS / "credentials.md"
SHOWN = blocks(PAGE, "yaml")


def _section(block: Block) -> dict[str, Any]:
    section: dict[str, Any] = yaml.safe_load(block.text)["services"]["rates"]["market"]
    return section


@pytest.mark.parametrize("block", SHOWN, ids=[", ".join(list(_section(block))[1:]) for block in SHOWN])
def test_every_section_is_accepted(block: Block) -> None:
    """Each block holds a section of a provider as it may stand in a file."""
    RestSettings.model_validate(_section(block))


def test_a_secret_may_be_a_file_or_a_variable(tmp_path: Path) -> None:
    """Both spellings of the page reach the key, and `config explain` does not show it."""
    page = prose(PAGE)
    (tmp_path / "config.yaml").write_text(SHOWN[0].text)
    file = tmp_path / "secrets/services/rates/market/auth/key"
    variable = "PI_SERVICES__RATES__MARKET__AUTH__KEY"
    assert f"`{file.relative_to(tmp_path)}`" in page
    assert f"`{variable}`" in page
    file.parent.mkdir(parents=True)
    file.write_text("from-a-file\n")
    for environ, key in (({}, "from-a-file"), ({variable: "from-a-variable"}, "from-a-variable")):
        loaded = load(tmp_path / "config.yaml", environ)
        section = loaded.config.services["rates"].plugin_keys["market"]
        assert RestSettings.model_validate(section).secrets["auth.key"].get_secret_value() == key
        assert {one.path: one.value_text for one in explain(loaded)}["services.rates.market.auth.key"] == "***"


def test_the_life_of_a_token_is_as_drawn() -> None:
    """The parts of its life, the life it has when none is told, and the pause are those of the code."""
    assert (tokens.DUE, tokens.END, tokens.PAUSE) == (0.8, 0.95, 1.0)
    (drawn,) = [block.text for block in blocks(PAGE, "") if "life" in block.text]
    assert [word for word in drawn.split() if word.isdigit()] == ["0", "80", "95", "100"]
    assert grant(WireResponse(200, (), b'{"access_token": "t"}')).life == timedelta(minutes=5).total_seconds()


def test_the_warning_is_as_shown() -> None:
    """The line of `check` has the form of the code's, thirty days before the end."""
    (shown,) = [block.text.strip() for block in blocks(PAGE, "") if block.text.startswith("warning: ")]
    end = datetime(2026, 12, 19, tzinfo=UTC)
    assert shown == f"warning: services.rates.market.{Certificate('certificate', 'CN=us', end).warning(end - SOON)}"
    assert timedelta(days=30) == SOON
